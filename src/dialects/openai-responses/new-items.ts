import type { BlockHead } from '../../completion/event.ts';
import type { OpenItem } from '../answer-so-far.ts';
import type { AnswerCallIds } from '../call-ids.ts';
import { argumentsPart } from './events.ts';

/** An item of an answer while it is written. */
export interface WrittenItem extends Omit<OpenItem, 'begun' | 'parts'> {
  /** Members that it has from its beginning, and its state once that is known. */
  begun: Readonly<Record<string, unknown>>;
  readonly parts: { type: string; text: string; isClosed: boolean }[];
  /** Of a message. */
  openParts: number;
  isSealed: boolean;
}

/** Ids are of the exchange and the place in it: the same wherever the item is named. */
export function newItem(head: BlockHead, index: number, ids: AnswerCallIds, exchangeId: string): WrittenItem {
  const written = { index, openParts: 0, isSealed: false };
  switch (head.type) {
    case 'text':
    case 'refusal': {
      const id = `msg_${exchangeId}_${index}`;
      return { ...written, id, type: 'message', begun: { id, type: 'message', role: 'assistant' }, parts: [] };
    }
    case 'reasoning': {
      const id = `rs_${exchangeId}_${index}`;
      return { ...written, id, type: 'reasoning', begun: { id, type: 'reasoning' }, parts: [] };
    }
    case 'call': {
      const type = head.custom === true ? 'custom_tool_call' : 'function_call';
      const id = `${head.custom === true ? 'ctc' : 'fc'}_${exchangeId}_${index}`;
      const begun = {
        id,
        type,
        call_id: ids.ofCall(head.id),
        name: head.name,
        ...(head.namespace === undefined ? undefined : { namespace: head.namespace }),
      };
      return { ...written, id, type, begun, parts: [{ type: argumentsPart, text: '', isClosed: false }] };
    }
  }
}
