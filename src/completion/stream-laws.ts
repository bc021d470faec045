import assert from 'node:assert/strict';
import type { BlockHead, CompletionEvent } from './event.ts';

/** Checks the laws of event.ts over one stream, event by event. A broken law is an assertion. */
export class StreamLaws {
  #started = false;
  #finished = false;
  #over = false;
  #opened = 0;
  readonly #open = new Map<number, BlockHead>();
  readonly #withState = new Set<number>();

  check(event: CompletionEvent): void {
    assert(!this.#over, `nothing follows message-end or error, but ${event.type} did`);
    if (event.type === 'error') {
      assert(!this.#finished, 'a finished answer has no error');
      this.#over = true;
      return;
    }
    assert(this.#started !== (event.type === 'message-start'), 'message-start comes first and once');
    assert(!this.#finished || event.type === 'message-end', 'only message-end follows a finish');
    switch (event.type) {
      case 'message-start':
        this.#started = true;
        return;
      case 'block-open':
        assert.equal(event.index, this.#opened, 'block indexes are dense');
        this.#opened += 1;
        this.#open.set(event.index, event.block);
        return;
      case 'text-delta':
      case 'arguments-delta': {
        const head = this.#open.get(event.index);
        assert(head !== undefined, 'deltas come only while their block is open');
        assert.equal(head.type === 'call', event.type === 'arguments-delta', 'calls have arguments, other blocks text');
        assert(!(head.type === 'reasoning' && head.redacted === true), 'a redacted block shows nothing');
        return;
      }
      case 'state': {
        const type = this.#open.get(event.index)?.type;
        assert(type === 'reasoning' || type === 'call', 'state is of an open block of reasoning or an open call');
        assert(!this.#withState.has(event.index), 'a block has one state');
        this.#withState.add(event.index);
        return;
      }
      case 'block-close':
        assert(this.#open.delete(event.index), 'a block is closed once');
        return;
      case 'usage':
        return;
      case 'finish':
        assert.equal(this.#open.size, 0, 'every block is closed before the finish');
        this.#finished = true;
        return;
      case 'message-end':
        assert(this.#finished, 'message-end follows a finish');
        this.#over = true;
    }
  }

  /** After the last event: did the stream end, or fail by name? */
  checkOver(): void {
    assert(this.#over, 'a stream ends with message-end or error');
  }
}

export function checkStream(events: readonly CompletionEvent[]): void {
  const laws = new StreamLaws();
  for (const event of events) laws.check(event);
  laws.checkOver();
}
