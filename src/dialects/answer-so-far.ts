import type { BlockHead } from '../completion/event.ts';

/** Where a streamed answer stands that another attempt goes on with. The client has the beginning of its message. */
export interface AnswerSoFar {
  /** Blocks that were begun, in the order of the wire. */
  readonly blocks: number;
  /** The last of them, while nothing has closed it. */
  readonly open: { readonly index: number; readonly type: BlockHead['type'] } | undefined;
}

/** Told to the client in its stream when what it has of an answer comes from elsewhere from here on. An unaware client
 *  passes over it. */
export type StreamNotice =
  /** Throw away what has come: a whole answer follows. */
  | { readonly type: 'restart'; readonly attempt: number; readonly deployment: string; readonly model: string }
  /** The text goes on, by another author. */
  | {
      readonly type: 'seam';
      readonly attempt: number;
      readonly deployment: string;
      readonly model: string;
      /** UTF-8 bytes of text before the seam. */
      readonly offsetBytes: number;
      /** Characters that the next author said again, and that were left out. */
      readonly overlap: number;
    };

/** A tool call that came whole before its answer broke off: a client may use it, at its own risk. */
export interface CompleteCall {
  readonly id: string;
  readonly name: string;
  readonly argumentsText: string;
  readonly custom: boolean;
}
