import type { Fault } from './fault.ts';
import type { UsageSlices } from './usage.ts';

/** The neutral stream of one answer. Laws, checked by `completion/stream-laws.ts`:
 *  one message-start first; block indexes dense from 0, each opened once and closed once, deltas only while open;
 *  exactly one `finish` or `error`, then nothing but `usage` before and `message-end` after a finish;
 *  nothing after `error`; no message-end after a cut. A whole answer is the folded stream. */
export type CompletionEvent =
  | {
      readonly type: 'message-start';
      readonly id: string;
      readonly servedModel: string | undefined;
      readonly createdAtMs: number | undefined;
      /** What is known about input tokens so far; may be an estimate, corrected by `usage`. */
      readonly usage: UsageSlices | undefined;
    }
  | { readonly type: 'block-open'; readonly index: number; readonly block: BlockHead }
  | { readonly type: 'text-delta'; readonly index: number; readonly text: string }
  | { readonly type: 'arguments-delta'; readonly index: number; readonly text: string }
  /** Of a reasoning block or a call: state that only its maker can read and wants back, such as a signature. At most
   *  one a block, whole, as the provider sent it. */
  | { readonly type: 'state'; readonly index: number; readonly state: string }
  | { readonly type: 'block-close'; readonly index: number }
  /** Cumulative; the last one counts. */
  | {
      readonly type: 'usage';
      readonly usage: UsageSlices;
      readonly raw: unknown;
      readonly serviceTier: string | undefined;
    }
  | { readonly type: 'finish'; readonly finish: Finish }
  | { readonly type: 'error'; readonly fault: Fault }
  | { readonly type: 'message-end' };

/** `reasoning` blocks are text the provider shows as its thinking; `refusal` is text that declines. */
export type BlockHead =
  /** `plan`: said before tools are called, on a wire that keeps it apart from the text. */
  | { readonly type: 'text'; readonly plan?: boolean | undefined }
  | { readonly type: 'refusal' }
  /** `redacted`: there is nothing to show; its `state` is all of it. */
  | { readonly type: 'reasoning'; readonly redacted?: boolean | undefined }
  /** `custom`: its arguments are free text. `namespace`: of the tools that its tool stands among. */
  | {
      readonly type: 'call';
      readonly id: string;
      readonly name: string;
      readonly custom?: boolean | undefined;
      readonly namespace?: string | undefined;
    };

export type FinishReason =
  | 'stop'
  | 'stop-sequence'
  | 'length'
  /** The context window of the model was full. */
  | 'context-window'
  | 'tool-call'
  | 'content-filter'
  | 'refusal'
  | 'pause'
  | 'other';

export interface Finish {
  readonly reason: FinishReason;
  /** The provider's own word. */
  readonly raw: string | undefined;
  /** The stop sequence that matched, when the provider says which. */
  readonly stopSequence: string | undefined;
  /** What the provider says about a refusal or a filter, safe to show. */
  readonly detail?: string | undefined;
}
