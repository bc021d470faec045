import type { BlockHead, CompletionEvent } from '../completion/event.ts';

/** An event of one block. */
export type BlockEvent = CompletionEvent & { readonly index: number };

interface OpenBlock {
  readonly head: BlockHead;
  /** Those that wait for its turn. */
  readonly events: BlockEvent[];
  isClosed: boolean;
}

/** On some wires blocks follow one another: one that opens while another is open waits until that is closed. What waits is
 *  bounded by the answer. */
export class BlocksInTurn {
  readonly #write: (head: BlockHead, event: BlockEvent) => string;
  /** By the index of the middle. */
  readonly #blocks = new Map<number, OpenBlock>();
  #current: OpenBlock | undefined = undefined;
  readonly #waiting: OpenBlock[] = [];

  /** `write` is called with the events of a block in order, and of no other block before its close. */
  constructor(write: (head: BlockHead, event: BlockEvent) => string) {
    this.#write = write;
  }

  /** What may be written now. */
  push(event: BlockEvent): string {
    if (event.type === 'block-open') return this.#open(event, event.block);
    const block = this.#blocks.get(event.index);
    if (block === undefined) return '';
    if (event.type === 'block-close') block.isClosed = true;
    if (block !== this.#current) {
      block.events.push(event);
      return '';
    }
    return this.#write(block.head, event) + this.#next();
  }

  #open(event: BlockEvent, head: BlockHead): string {
    const block: OpenBlock = { head, events: [], isClosed: false };
    this.#blocks.set(event.index, block);
    if (this.#current === undefined) {
      this.#current = block;
      return this.#write(head, event);
    }
    block.events.push(event);
    this.#waiting.push(block);
    return '';
  }

  /** Those whose turn has come, as far as they have come. */
  #next(): string {
    let text = '';
    while (this.#current?.isClosed === true) {
      this.#current = this.#waiting.shift();
      for (const event of this.#current?.events.splice(0) ?? []) text += this.#write(this.#current!.head, event);
    }
    return text;
  }
}
