import { jsonHeaders, Refusal } from '../answer.ts';
import type { Manner } from '../manner.ts';
import { geminiErrorBody, geminiErrorFrame, geminiFailure, invalid } from './errors.ts';
import { checkGeminiKey } from './keys.ts';

export const geminiManner: Manner = {
  checkKey(request, keys) {
    checkGeminiKey(request, keys);
    return undefined;
  },
  refuse: refusal => ({
    status: refusal.status,
    headers: jsonHeaders,
    frames: [geminiErrorBody(refusal)],
    streamed: false,
    provider: 'gemini',
  }),
  failure: geminiFailure,
  errorFrame: (broken, answer) => geminiErrorFrame(broken, answer.streamed, answer.malformed !== undefined),
  notJson: () => invalid('Invalid JSON payload received. Unexpected end of string. Expected a value.'),
  tooLarge: () => invalid('Request payload size exceeds the limit: 20971520 bytes.'),
  unknownPath: (_method, path) => new Refusal(404, 'NOT_FOUND', `Requested entity was not found: ${path}`),
  wrongMethod: (method, path) => new Refusal(404, 'NOT_FOUND', `${method} ${path} was not found.`),
};
