import type { OpenItem, OpenPart } from '../answer-so-far.ts';

/** Events as they are written on the wire (openai-node 7.55, responses.ts, 2026-11). Numbers are counted by who writes. */

export function sse(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}

/** Numbers the events of one stream in the order in which they are written. */
export class EventWriter {
  nextEvent: number;

  constructor(nextEvent: number) {
    this.nextEvent = nextEvent;
  }

  write(type: string, fields: Readonly<Record<string, unknown>>): string {
    return this.writeJson(type, JSON.stringify(fields).slice(1, -1));
  }

  /** `fields`: members of the event as JSON, without braces. */
  writeJson(type: string, fields: string): string {
    const number = this.nextEvent;
    this.nextEvent += 1;
    return `event: ${type}\ndata: {"type":"${type}","sequence_number":${number}${fields === '' ? '' : `,${fields}`}}\n\n`;
  }
}

/** An item that nothing ends any more is ended with what there is of it. */
export function closeItem(writer: EventWriter, open: OpenItem, status: ItemStatus): string {
  const last = open.parts.length - 1;
  const part = open.parts[last];
  const closed = part === undefined || part.isClosed ? '' : closePart(writer, open, last);
  return (
    closed + writer.write('response.output_item.done', { output_index: open.index, item: wholeItem(open, status) })
  );
}

export type ItemStatus = 'completed' | 'incomplete';

/** The item as its last event, and the answer, have it. */
export function wholeItem({ begun, type, parts }: OpenItem, status: ItemStatus): Readonly<Record<string, unknown>> {
  switch (type) {
    case 'message':
      return { ...begun, content: parts.map(wholePart), status };
    case 'reasoning': {
      const thought = parts.filter(part => part.type === 'reasoning_text');
      return {
        ...begun,
        summary: parts.filter(part => part.type === 'summary_text').map(wholePart),
        ...(thought.length === 0 ? undefined : { content: thought.map(wholePart) }),
      };
    }
    case 'function_call':
      return { ...begun, arguments: parts[0]?.text ?? '', status };
    case 'custom_tool_call':
      return { ...begun, input: parts[0]?.text ?? '', status };
    default:
      return begun;
  }
}

export function wholePart({ type, text }: Pick<OpenPart, 'type' | 'text'>): unknown {
  if (type === 'output_text') return { type, text, annotations: [], logprobs: [] };
  return type === 'refusal' ? { type, refusal: text } : { type, text };
}

/** `position`: of the part among all of its item. */
export function closePart(writer: EventWriter, open: OpenItem, position: number): string {
  const part = open.parts[position]!; // The caller's.
  const { type, text } = part;
  const place = partPlace(open, position);
  if (type === argumentsPart) {
    return open.type === 'function_call'
      ? writer.write('response.function_call_arguments.done', { ...place, arguments: text })
      : writer.write('response.custom_tool_call_input.done', { ...place, input: text });
  }
  if (type === 'summary_text') {
    const done = writer.write('response.reasoning_summary_text.done', { ...place, text });
    return done + writer.write('response.reasoning_summary_part.done', { ...place, part: wholePart(part) });
  }
  const done =
    type === 'refusal'
      ? writer.write('response.refusal.done', { ...place, refusal: text })
      : writer.write(
          type === 'reasoning_text' ? 'response.reasoning_text.done' : 'response.output_text.done',
          type === 'output_text' ? { ...place, text, logprobs: [] } : { ...place, text },
        );
  return done + writer.write('response.content_part.done', { ...place, part: wholePart(part) });
}

/** What calls have in the place of a part. */
export const argumentsPart = 'arguments';

/** Where a part stands, as its events say it: texts and summaries of reasoning are counted apart. */
export function partPlace({ id, index, parts }: OpenItem, position: number): Readonly<Record<string, unknown>> {
  const of = { item_id: id, output_index: index };
  const { type } = parts[position]!; // The caller's.
  if (type === argumentsPart) return of;
  const isSummary = type === 'summary_text';
  const at = parts.slice(0, position).filter(before => (before.type === 'summary_text') === isSummary).length;
  return isSummary ? { ...of, summary_index: at } : { ...of, content_index: at };
}
