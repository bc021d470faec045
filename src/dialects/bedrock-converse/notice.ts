import type { AnswerSoFar, StreamNotice } from '../answer-so-far.ts';
import type { NoticeContext } from '../dialect.ts';
import { blockStop } from './encode-answer.ts';
import { eventFrame } from './frames.ts';

/** An event of a type of its own: members of a union that a client does not know are passed over
 *  (https://smithy.io/2.0/spec/streaming.html#event-streams, 2026-11). After a restart the answer is made of the blocks from
 *  `blocksFrom` on. */
export function encodeNotice({ type, ...notice }: StreamNotice, soFar: AnswerSoFar, context: NoticeContext): Buffer {
  const event = {
    ...notice,
    ...(type === 'restart' ? { blocksFrom: soFar.blocks } : undefined),
    exchange: context.exchangeId,
  };
  const frame = eventFrame(`carrier.${type}`, JSON.stringify(event));
  if (type !== 'restart' || soFar.open === undefined) return frame;
  return Buffer.concat([blockStop(soFar.open.index), frame]);
}
