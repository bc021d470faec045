import assert from 'node:assert/strict';
import type { CompletionEvent } from './event.ts';

/** Checks the laws of event.ts over one stream, event by event. A broken law is an assertion. */
export class StreamLaws {
  #started = false;
  #finished = false;
  #over = false;
  #opened = 0;
  readonly #open = new Map<number, string>();

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
        this.#open.set(event.index, event.block.type);
        return;
      case 'text-delta':
      case 'arguments-delta': {
        const type = this.#open.get(event.index);
        assert(type !== undefined, 'deltas come only while their block is open');
        assert.equal(type === 'call', event.type === 'arguments-delta', 'calls have arguments, other blocks text');
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
