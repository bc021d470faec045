import type { AnswerEvents } from '../answer-events.ts';
import { readName } from '../answer-tally.ts';
import { isEmpty, isRecord, type WireRecord } from '../wire-values.ts';

/** Items of an answer while they come in. Each of their texts may come in deltas, whole at its end, whole again at the end of
 *  its item and once more at the end of the answer: what was said is not said again, and what was left out before is said
 *  then. */

export type ItemKind = 'message' | 'call' | 'reasoning';

export function itemKind(type: unknown): ItemKind | undefined {
  if (type === 'message' || type === 'reasoning') return type;
  return type === 'function_call' || type === 'custom_tool_call' ? 'call' : undefined;
}

/** What an item costs however short it is. */
const itemBytes = 256;

export class OpenItems {
  readonly #events: AnswerEvents;
  /** By the wire's index. */
  readonly #items = new Map<unknown, ReadItem>();
  /** In the order in which they came, which is that of the answer's own list. */
  readonly #order: ReadItem[] = [];
  hasRefusal = false;
  calls = 0;
  /** The text or refusal that began last. */
  lastPart: ReadPart | undefined = undefined;
  /** The reasoning that began to be shown last. */
  lastThought: ReadItem | undefined = undefined;

  constructor(events: AnswerEvents) {
    this.#events = events;
  }

  /** Undefined for an item that was begun as one of another kind. */
  at(index: unknown, kind: ItemKind): ReadItem | undefined {
    const known = this.#items.get(index);
    if (known !== undefined) {
      if (known.kind === kind) return known;
      this.#events.malformed('two items of one index');
      return undefined;
    }
    this.#events.weigh(itemBytes);
    const item = new ReadItem(this.#events, this, kind);
    this.#items.set(index, item);
    this.#order.push(item);
    return item;
  }

  /** Undefined for an item that is not known, or known as one of another kind. */
  known(index: unknown, kind: ItemKind): ReadItem | undefined {
    const known = this.#items.get(index);
    return known?.kind === kind ? known : undefined;
  }

  get isEmpty(): boolean {
    return this.#order.length === 0;
  }

  endAll(): void {
    for (const item of this.#order) item.end(undefined);
  }
}

interface ReadPart {
  readonly block: number;
  letters: number;
  isClosed: boolean;
}

export class ReadItem {
  readonly kind: ItemKind;
  readonly #events: AnswerEvents;
  readonly #items: OpenItems;
  readonly #parts = new Map<unknown, ReadPart>();
  /** Of a call, or of reasoning that shows something. */
  #block: number | undefined = undefined;
  /** Of arguments, or of each text of reasoning, how much was said. */
  readonly #said = new Map<string, number>();
  #isEnded = false;

  constructor(events: AnswerEvents, items: OpenItems, kind: ItemKind) {
    this.#events = events;
    this.#items = items;
    this.kind = kind;
  }

  begin(item: unknown): undefined {
    if (this.kind === 'call' && isRecord(item)) this.#call(item);
  }

  text(type: 'text' | 'refusal', index: unknown, delta: unknown): undefined {
    if (typeof delta !== 'string' || delta === '') return;
    const part = this.#part(type, index);
    if (part.isClosed) return this.#events.malformed('text behind its end');
    part.letters += delta.length;
    this.#events.text(part.block, delta);
  }

  endText(type: 'text' | 'refusal', index: unknown, text: unknown): undefined {
    if (typeof text !== 'string') return;
    // An empty text is none, unless it was begun.
    if (text === '' && !this.#parts.has(index)) return;
    const part = this.#part(type, index);
    if (part.isClosed) {
      if (text.length > part.letters) this.#events.malformed('text behind its end');
      return;
    }
    if (text.length > part.letters) this.#events.text(part.block, text.slice(part.letters));
    this.#close(part);
  }

  #close(part: ReadPart): void {
    part.isClosed = true;
    this.#events.close(part.block);
  }

  #part(type: 'text' | 'refusal', index: unknown): ReadPart {
    const known = this.#parts.get(index);
    if (known !== undefined) return known;
    if (type === 'refusal') this.#items.hasRefusal = true;
    // Prose is read in one row: what begins ends what was said before it.
    const before = this.#items.lastPart;
    if (before !== undefined && !before.isClosed) this.#close(before);
    const part = { block: this.#events.open({ type }), letters: 0, isClosed: false };
    this.#items.lastPart = part;
    this.#parts.set(index, part);
    return part;
  }

  #call(item: WireRecord): undefined {
    if (this.#block !== undefined) return;
    const name = readName(item['name']);
    if (name === undefined) return this.#events.malformed('a tool call without a name');
    const namespace = readName(item['namespace']);
    this.#items.calls += 1;
    this.#block = this.#events.open({
      type: 'call',
      id: readName(item['call_id']) ?? '',
      name,
      ...(item['type'] === 'custom_tool_call' ? { custom: true } : undefined),
      ...(namespace === undefined ? undefined : { namespace }),
    });
  }

  arguments(delta: unknown): undefined {
    if (typeof delta !== 'string' || delta === '') return;
    if (this.#block === undefined) return this.#events.malformed('arguments without their call');
    if (this.#isEnded) return this.#events.malformed('arguments of a call that was complete');
    this.#say('arguments', delta);
  }

  allArguments(text: unknown): undefined {
    if (typeof text !== 'string' || this.#block === undefined || this.#isEnded) return;
    const said = this.#said.get('arguments') ?? 0;
    if (text.length > said) this.#say('arguments', text.slice(said));
  }

  #say(place: string, text: string): undefined {
    const block = this.#block!; // The callers see to it.
    this.#said.set(place, (this.#said.get(place) ?? 0) + text.length);
    if (this.kind === 'call') this.#events.arguments(block, text);
    else this.#events.text(block, text);
  }

  /** Several texts of one item are one thought, each a paragraph of it. */
  thought(place: string, delta: unknown): undefined {
    if (typeof delta !== 'string' || delta === '' || this.#isEnded) return;
    if (this.#block === undefined) {
      this.#block = this.#events.open({ type: 'reasoning' });
      this.#items.lastThought = this;
    } else if (this.#items.lastThought !== this) {
      return this.#events.malformed('a thought behind the one that followed it');
    }
    if (!this.#said.has(place)) {
      this.#events.weigh(itemBytes);
      if (this.#said.size > 0) this.#events.text(this.#block, '\n\n');
    }
    this.#say(place, delta);
  }

  allThought(place: string, text: unknown): undefined {
    if (typeof text !== 'string') return;
    const said = this.#said.get(place) ?? 0;
    if (text.length > said) this.thought(place, text.slice(said));
  }

  /** The end of the item, with all of it; undefined where the answer ended and the item did not. */
  end(item: unknown): undefined {
    if (this.#isEnded) return;
    if (isRecord(item)) this.#all(item);
    this.#isEnded = true;
    for (const part of this.#parts.values()) if (!part.isClosed) this.#close(part);
    if (this.#block !== undefined) this.#events.close(this.#block);
  }

  #all(item: WireRecord): undefined {
    switch (this.kind) {
      case 'message':
        return this.#message(item);
      case 'call':
        this.#call(item);
        return this.allArguments(item['type'] === 'custom_tool_call' ? item['input'] : item['arguments']);
      case 'reasoning':
        return this.#reasoning(item);
    }
  }

  #message(item: WireRecord): undefined {
    if (!Array.isArray(item['content'])) return;
    item['content'].forEach((part, index) => {
      if (!isRecord(part)) return;
      if (part['type'] === 'output_text') {
        if (!isEmpty(part['annotations'] ?? '')) {
          this.#events.lose('annotations-unsupported', 'output.content.annotations');
        }
        this.endText('text', index, part['text']);
      } else if (part['type'] === 'refusal') this.endText('refusal', index, part['refusal']);
      else this.#events.lose('part-unsupported', 'output.content');
    });
  }

  #reasoning(item: WireRecord): undefined {
    for (const [letter, texts] of [
      ['s', item['summary']],
      ['c', item['content']],
    ] as const) {
      if (!Array.isArray(texts)) continue;
      texts.forEach((part, index) => {
        if (isRecord(part)) this.allThought(`${letter}${index}`, part['text']);
      });
    }
    const state = item['encrypted_content'];
    if (typeof state !== 'string' || state === '') return;
    this.#block ??= this.#events.open({ type: 'reasoning', redacted: true });
    this.#events.state(this.#block, state);
    this.#events.weigh(Buffer.byteLength(state));
  }
}
