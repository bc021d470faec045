import type { BlockHead, CompletionEvent } from '../../completion/event.ts';
import type { StreamDecoder } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { isRecord } from '../wire-values.ts';

/** What was changed in a request so that its provider takes it, and must be changed back in the answer. */
export interface AnswerForm {
  /** Names of tools as the client knows them, by those that were sent. */
  readonly toolNames: ReadonlyMap<string, string>;
  /** Tools, by the client's names, or by those joined with their namespaces, whose arguments are free text to the client and were made an object. */
  readonly customTools: ReadonlySet<string>;
  /** Namespaces and names of tools as the client knows them, by the joined name that was sent. */
  readonly namespaces: ReadonlyMap<string, ToolPlace>;
  /** The client knows one call an answer, and no tools (openai-chat's `functions`). */
  readonly legacyFunctions: boolean;
}

export interface ToolPlace {
  readonly namespace: string;
  readonly name: string;
}

export const plainForm: AnswerForm = {
  toolNames: new Map(),
  customTools: new Set(),
  namespaces: new Map(),
  legacyFunctions: false,
};

function isPlain(form: AnswerForm): boolean {
  return form.toolNames.size === 0 && form.customTools.size === 0 && form.namespaces.size === 0;
}

/** The argument in which the text of a custom tool travels. */
export const customInput = 'input';

/** The events of a whole answer, as the client knows its tools. */
export function restoreAnswer(events: CompletionEvent[], form: AnswerForm): CompletionEvent[] {
  if (isPlain(form)) return events;
  const restorer = new AnswerRestorer(form);
  return events.flatMap(event => restorer.restore(event));
}

/** The same of a stream. */
export function restoreStream(decoder: StreamDecoder, form: AnswerForm): StreamDecoder {
  return isPlain(form) ? decoder : new RestoringDecoder(decoder, new AnswerRestorer(form));
}

class RestoringDecoder implements StreamDecoder {
  readonly #decoder: StreamDecoder;
  readonly #restorer: AnswerRestorer;

  constructor(decoder: StreamDecoder, restorer: AnswerRestorer) {
    this.#decoder = decoder;
    this.#restorer = restorer;
  }

  push(chunk: Buffer): CompletionEvent[] {
    return this.#decoder.push(chunk).flatMap(event => this.#restorer.restore(event));
  }
  finish(): CompletionEvent[] {
    return this.#decoder.finish().flatMap(event => this.#restorer.restore(event));
  }
  get facts(): StreamDecoder['facts'] {
    return this.#decoder.facts;
  }
  get contentBytesSinceUsage(): number {
    return this.#decoder.contentBytesSinceUsage;
  }
}

class AnswerRestorer {
  readonly #form: AnswerForm;
  /** Arguments so far of open calls of custom tools: their text is known when the object is whole. */
  readonly #custom = new Map<number, string>();

  constructor(form: AnswerForm) {
    this.#form = form;
  }

  restore(event: CompletionEvent): CompletionEvent[] {
    switch (event.type) {
      case 'block-open':
        return [this.#open(event.index, event.block)];
      case 'arguments-delta': {
        const text = this.#custom.get(event.index);
        if (text === undefined) return [event];
        this.#custom.set(event.index, text + event.text);
        return [];
      }
      case 'block-close': {
        const text = this.#custom.get(event.index);
        if (text === undefined) return [event];
        return [{ type: 'arguments-delta', index: event.index, text: inputOf(text) }, event];
      }
      default:
        return [event];
    }
  }

  #open(index: number, block: BlockHead): CompletionEvent {
    if (block.type !== 'call') return { type: 'block-open', index, block };
    const name = this.#form.toolNames.get(block.name) ?? block.name;
    const custom = this.#form.customTools.has(name);
    if (custom) this.#custom.set(index, '');
    // Where there is a place, the name is of both.
    const place = this.#form.namespaces.get(name);
    return { type: 'block-open', index, block: { ...block, name, ...place, ...(custom ? { custom } : undefined) } };
  }
}

/** A model that did not keep to the object has written the text itself. */
function inputOf(argumentsText: string): string {
  try {
    const parsed = parseBounded(argumentsText);
    if (isRecord(parsed) && typeof parsed[customInput] === 'string') return parsed[customInput];
  } catch {
    // What it wrote is all there is.
  }
  return argumentsText;
}
