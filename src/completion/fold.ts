import type { BlockHead, CompletionEvent, Finish } from './event.ts';
import { Fault } from './fault.ts';
import type { UsageSlices } from './usage.ts';

/** A whole answer: the fold of its event stream. */
export interface FoldedAnswer {
  readonly id: string;
  readonly servedModel: string | undefined;
  readonly blocks: readonly FoldedBlock[];
  readonly usage: UsageSlices | undefined;
  readonly serviceTier: string | undefined;
  readonly finish: Finish;
}

export interface FoldedBlock {
  readonly head: BlockHead;
  /** Text, or the arguments of a call. */
  readonly text: string;
  /** Opaque, of its maker; undefined when none came. */
  readonly state?: string;
}

/** Throws the fault of an `error` event, and upstream_truncated for a stream without an end. */
export function foldEvents(events: readonly CompletionEvent[]): FoldedAnswer {
  let id = '';
  let servedModel: string | undefined;
  let usage: UsageSlices | undefined;
  let serviceTier: string | undefined;
  let finish: Finish | undefined;
  const heads: BlockHead[] = [];
  const texts: string[] = [];
  const states: (string | undefined)[] = [];
  for (const event of events) {
    switch (event.type) {
      case 'message-start':
        ({ id, servedModel } = event);
        usage = event.usage;
        break;
      case 'block-open':
        heads[event.index] = event.block;
        texts[event.index] = '';
        break;
      case 'text-delta':
      case 'arguments-delta':
        texts[event.index] += event.text;
        break;
      case 'state':
        states[event.index] = event.state;
        break;
      case 'usage':
        usage = event.usage;
        serviceTier = event.serviceTier ?? serviceTier;
        break;
      case 'finish':
        finish = event.finish;
        break;
      case 'error':
        throw event.fault;
    }
  }
  if (finish === undefined) throw new Fault('upstream_truncated');
  const blocks = heads.map((head, index) => {
    const state = states[index];
    return state === undefined ? { head, text: texts[index]! } : { head, text: texts[index]!, state };
  });
  return { id, servedModel, blocks, usage, serviceTier, finish };
}
