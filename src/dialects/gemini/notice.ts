import type { AnswerSoFar, StreamNotice } from '../answer-so-far.ts';
import type { NoticeContext } from '../dialect.ts';
import { framed } from './stream-frame.ts';

/** A chunk like any other, with nothing new in its candidate: clients that do not know `carrier` see none of it. Without a
 *  candidate some would take the whole stream for no answer (@google/genai 3.1, chats, 2026-11). */
export function encodeNotice({ type, ...notice }: StreamNotice, _soFar: AnswerSoFar, context: NoticeContext): Buffer {
  const chunk = {
    candidates: [{ content: { parts: [{ text: '' }], role: 'model' }, index: 0 }],
    modelVersion: notice.model,
    responseId: context.exchangeId,
    carrier: { [type]: notice },
  };
  return Buffer.from(framed(JSON.stringify(chunk), { form: context.streamForm, isFirst: false, isLast: false }));
}
