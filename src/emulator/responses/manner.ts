import type { Manner } from '../manner.ts';
import { openaiManner } from '../openai/manner.ts';
import { responsesErrorEvent } from './errors.ts';

/** OpenAI's other API: only its streams fail in another way. */
export const responsesManner: Manner = {
  ...openaiManner,
  errorFrame: (broken, answer) => responsesErrorEvent(broken, answer.streamed),
};
