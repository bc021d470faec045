import type { AnswerSoFar, StreamNotice } from '../answer-so-far.ts';
import type { NoticeContext } from '../dialect.ts';
import { blockStop } from './encode-answer.ts';

/** An event of a type of its own: "your code should handle unknown event types gracefully"
 *  (https://platform.claude.com/docs/en/build-with-claude/streaming, 2026-11), and the clients pass over it. After a restart
 *  the answer is made of the blocks from `blocksFrom` on. */
export function encodeNotice({ type, ...notice }: StreamNotice, soFar: AnswerSoFar, context: NoticeContext): Buffer {
  const name = `carrier.${type}`;
  const closed = type === 'restart' && soFar.open !== undefined ? blockStop(soFar.open.index) : '';
  const event = {
    type: name,
    ...notice,
    ...(type === 'restart' ? { blocksFrom: soFar.blocks } : undefined),
    exchange: context.exchangeId,
  };
  return Buffer.from(`${closed}event: ${name}\ndata: ${JSON.stringify(event)}\n\n`);
}
