import type { AnswerSoFar, StreamNotice } from '../answer-so-far.ts';
import type { NoticeContext } from '../dialect.ts';

/** A chunk like any other, with nothing new in its choice: clients that do not know `carrier` see an empty delta. An event
 *  of another name would be read as a chunk by some clients and left out by others. */
export function encodeNotice({ type, ...notice }: StreamNotice, _soFar: AnswerSoFar, context: NoticeContext): Buffer {
  const chunk = {
    id: `chatcmpl-${context.exchangeId}`,
    object: 'chat.completion.chunk',
    created: Math.floor(context.createdAtMs / 1000),
    model: notice.model,
    choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: null }],
    carrier: { [type]: notice },
  };
  return Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`);
}
