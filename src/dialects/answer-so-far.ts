import type { BlockHead } from '../completion/event.ts';

/** Where a streamed answer stands that another attempt goes on with. The client has the beginning of its message. */
export interface AnswerSoFar {
  /** Where the dialect numbers its events and names its items. */
  readonly place?: StreamPlace | undefined;
  /** Told to the client between this and what follows. */
  readonly noticed?: StreamNotice['type'] | undefined;
  /** Blocks that were begun, in the order of the wire. */
  readonly blocks: number;
  /** The last of them, while nothing has closed it. */
  readonly open: { readonly index: number; readonly type: BlockHead['type'] } | undefined;
}

/** What the next event of a stream must agree with, in dialects whose events are numbered. */
export interface EventPlace {
  /** Of the answer, as it began; undefined before that. */
  readonly answerId: string | undefined;
  /** Number of the next event. */
  readonly nextEvent: number;
}

/** The same, as far as going on with the answer needs it. */
export interface StreamPlace extends EventPlace {
  /** Index of the next item. */
  readonly nextItem: number;
  /** The last item, while nothing has ended it. */
  readonly openItem: OpenItem | undefined;
  /** Items that are whole, as the client has them, since it was last told to throw away what came before. */
  readonly items: readonly unknown[];
}

export interface OpenItem {
  readonly id: string;
  readonly index: number;
  /** On the wire: `message`, `reasoning`, `function_call` … */
  readonly type: string;
  /** As it was begun. */
  readonly begun: Readonly<Record<string, unknown>>;
  /** Its parts in order; the last one may be open. A call has one, of its arguments. */
  readonly parts: readonly OpenPart[];
}

export interface OpenPart {
  readonly type: string;
  readonly text: string;
  readonly isClosed: boolean;
}

/** Reads what a client was sent of an answer. */
export interface StreamPlaceReader {
  push(bytes: Buffer): void;
  /** The client was told to throw away what it has. */
  restarted(): void;
  readonly place: StreamPlace;
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
