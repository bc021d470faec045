import type { CompletionEvent } from '../completion/event.ts';
import { Fault } from '../completion/fault.ts';
import type { SeamReader } from './splice-guard.ts';

/** The events of an author who goes on with a text. Anything but text ends the attempt before it shows: no call, reasoning
 *  or refusal is ever put behind somebody else's words. */
export class SeamGuard {
  readonly #seam: SeamReader;
  /** The block of text that its first words are in. */
  #first: number | undefined;

  constructor(seam: SeamReader) {
    this.#seam = seam;
  }

  pass(events: readonly CompletionEvent[]): readonly CompletionEvent[] {
    const passed: CompletionEvent[] = [];
    for (const event of events) {
      if (event.type === 'block-open') {
        if (event.block.type !== 'text') return [...passed, unfit('something other than text')];
        this.#first ??= event.index;
      } else if (event.type === 'text-delta') {
        const text = this.#seam.push(event.text);
        if (text === undefined) return [...passed, unfit('another beginning')];
        if (text !== '') passed.push({ ...event, text });
        continue;
      } else if (event.type === 'block-close' && event.index === this.#first) {
        const text = this.#seam.finish();
        if (text === undefined) return [...passed, unfit('another beginning')];
        if (text !== '') passed.push({ type: 'text-delta', index: event.index, text });
      }
      passed.push(event);
    }
    return passed;
  }
}

function unfit(what: string): CompletionEvent {
  const message = `The provider was to go on with a text and sent ${what}.`;
  return { type: 'error', fault: new Fault('upstream_malformed', message) };
}
