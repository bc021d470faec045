import type { AnswerSoFar, StreamNotice } from '../answer-so-far.ts';
import type { NoticeContext } from '../dialect.ts';
import { closeItem, EventWriter } from './events.ts';

/** The API's own sign of life, which its clients pass over: openai-node's stream helper throws on events of a type that it
 *  does not know (openai-node 7.55, internal/responses/response-accumulator.ts, 2026-11). After a restart the answer is made of
 *  the items from `outputFrom` on. */
export function encodeNotice(
  { type, ...notice }: StreamNotice,
  { place }: AnswerSoFar,
  context: NoticeContext,
): Buffer {
  const writer = new EventWriter(place?.nextEvent ?? 0);
  const open = type === 'restart' ? place?.openItem : undefined;
  const closed = open === undefined ? '' : closeItem(writer, open, 'incomplete');
  const outputFrom = type === 'restart' ? { outputFrom: place?.nextItem ?? 0 } : undefined;
  const carrier = { [type]: { ...notice, ...outputFrom, exchange: context.exchangeId } };
  return Buffer.from(closed + writer.write('keepalive', { carrier }));
}
