import type { AnswerSoFar, StreamNotice } from '../answer-so-far.ts';
import type { NoticeContext } from '../dialect.ts';
import { contentEnd } from './encode-answer.ts';

/** An event of a type of its own, which clients pass over as they do `debug`. After a restart the answer is made of the
 *  blocks from `blocksFrom` on. */
export function encodeNotice({ type, ...notice }: StreamNotice, soFar: AnswerSoFar, context: NoticeContext): Buffer {
  const name = `carrier.${type}`;
  const closed = type === 'restart' && soFar.open !== undefined ? contentEnd(soFar.open.index) : '';
  const event = {
    type: name,
    ...notice,
    ...(type === 'restart' ? { blocksFrom: soFar.blocks } : undefined),
    exchange: context.exchangeId,
  };
  return Buffer.from(`${closed}event: ${name}\ndata: ${JSON.stringify(event)}\n\n`);
}
