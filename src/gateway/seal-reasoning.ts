import type { BlockHead, CompletionEvent } from '../completion/event.ts';
import type { LossLedger } from '../completion/loss.ts';
import type { EventPlace } from '../dialects/answer-so-far.ts';
import type { StreamEncoder } from '../dialects/dialect.ts';
import type { StateMaker } from '../dialects/opaque-state.ts';
import type { ReasoningStates } from './ports.ts';

export interface SealContext {
  readonly states: ReasoningStates;
  /** Who answers. */
  readonly maker: StateMaker;
  readonly organisation: string;
  /** The envelope holds the text too, because the client has no place for it beside the state. */
  readonly sealsText: boolean;
  /** The client asked not to be shown what was thought. */
  readonly hidesText: boolean;
  /** A call's id as the client is shown it. */
  readonly shownId: (id: string) => string;
  readonly losses: LossLedger;
}

/** Writes events for a client of another dialect with the maker's opaque state in envelopes, and keeps the envelopes for
 *  clients that will not send them back. */
export class SealingEncoder implements StreamEncoder {
  readonly #inner: StreamEncoder;
  readonly #sealer: ReasoningSealer;

  constructor(inner: StreamEncoder, sealer: ReasoningSealer) {
    this.#inner = inner;
    this.#sealer = sealer;
  }

  get place(): EventPlace | undefined {
    return this.#inner.place;
  }

  push(event: CompletionEvent): Buffer {
    const passed = this.#sealer.pass(event);
    if (passed === undefined) return nothing;
    if (!Array.isArray(passed)) return this.#inner.push(passed as CompletionEvent);
    return Buffer.concat(passed.map(one => this.#inner.push(one)));
  }
}

const nothing = Buffer.alloc(0);

interface OpenReasoning {
  readonly head: BlockHead & { readonly type: 'reasoning' };
  state: string | undefined;
  text: string;
}

export class ReasoningSealer {
  readonly #context: SealContext;
  readonly #open = new Map<number, OpenReasoning>();
  readonly #thoughts: OpenReasoning[] = [];
  readonly #callIds: string[] = [];

  constructor(context: SealContext) {
    this.#context = context;
  }

  /** What becomes of an event: itself, nothing, or several. A state waits for the end of its block, when the text that is
   *  sealed with it is whole. */
  pass(event: CompletionEvent): CompletionEvent | readonly CompletionEvent[] | undefined {
    switch (event.type) {
      case 'block-open':
        if (event.block.type === 'reasoning') {
          this.#open.set(event.index, { head: event.block, state: undefined, text: '' });
        } else if (event.block.type === 'call' && event.block.id !== '') {
          this.#callIds.push(this.#context.shownId(event.block.id));
        }
        return event;
      case 'text-delta': {
        const block = this.#open.get(event.index);
        if (block === undefined) return event;
        block.text += event.text;
        return this.#context.hidesText ? undefined : event;
      }
      case 'state': {
        const block = this.#open.get(event.index);
        // State of calls has no place in the dialects that are built.
        if (block === undefined) return undefined;
        block.state = event.state;
        return undefined;
      }
      case 'block-close': {
        const block = this.#open.get(event.index);
        this.#open.delete(event.index);
        const envelope = block?.state === undefined ? undefined : this.#seal(block);
        return envelope === undefined ? event : [{ type: 'state', index: event.index, state: envelope }, event];
      }
      case 'finish':
        this.#remember();
        return event;
      default:
        return event;
    }
  }

  /** The same of a whole answer. */
  passAll(events: readonly CompletionEvent[]): CompletionEvent[] {
    return events.flatMap(event => this.pass(event) ?? []);
  }

  #seal(thought: OpenReasoning): string | undefined {
    const envelope = this.#envelope(thought, this.#context.sealsText);
    if (envelope === undefined) this.#context.losses.dropped('reasoning-state-too-large', 'reasoning');
    else this.#thoughts.push(thought);
    return envelope;
  }

  #envelope({ head, state, text }: OpenReasoning, holdsText: boolean): string | undefined {
    const { states, maker, organisation } = this.#context;
    const opaque = { maker, state, text: holdsText ? text : undefined, redacted: head.redacted === true };
    return states.seal.seal(opaque, organisation);
  }

  /** Who sends nothing back sends no text back either, so what is kept holds it. */
  #remember(): void {
    if (this.#thoughts.length === 0 || this.#callIds.length === 0) return;
    const envelopes = this.#thoughts.map(thought => this.#envelope(thought, true));
    if (envelopes.includes(undefined)) return;
    const { states, organisation } = this.#context;
    states.remember(organisation, this.#callIds, envelopes as string[]); // None is undefined.
  }
}
