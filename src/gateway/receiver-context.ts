import type { AnswerSoFar, StreamNotice } from '../dialects/answer-so-far.ts';
import type { Dialect, StreamForm } from '../dialects/dialect.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { Deadlines } from './deadlines.ts';
import type { ProgressNotes } from './progress-notes.ts';
import type { DataPlaneLimits } from './settings.ts';
import type { Showing } from './showing.ts';
import type { SeamReader } from './splice-guard.ts';

/** What a receiver of an answer needs of its exchange. */
export interface ReceiverContext {
  readonly exchangeId: string;
  /** The client's dialect. */
  readonly dialect: Dialect;
  readonly client: ClientAnswer;
  readonly deadlines: Deadlines;
  readonly limits: DataPlaneLimits;
  readonly progress: ProgressNotes;
  /** Usage was asked for by us, so the chunk that carries only it is taken out again. */
  readonly stripUsage: boolean;
  /** Of the client's stream; `events` unless said. */
  readonly streamForm: StreamForm | undefined;
  readonly showing: Showing;
  /** How much of the first content is held back, in bytes of content and milliseconds; undefined: none. */
  readonly holdBack: { readonly contentBytes: number; readonly ms: number } | undefined;
  /** The client asked for more than an error when its answer breaks: nothing of a whole answer is sent before all of it has
   *  come, and an event of a stream that cannot be read is a failure. */
  readonly recovers: boolean;
  /** The client has the beginning of an answer that broke off; undefined when it has nothing. */
  readonly resume: Resume | undefined;
  /** Adds our own headers to those of the answer. */
  finishHead(headers: string[], servedModel: string | undefined): string[];
}

/** How an attempt goes on with what the client has. */
export interface Resume {
  /** Where the client's answer stands. */
  readonly soFar: AnswerSoFar;
  /** What the client is told before anything of this attempt; undefined when the change is unseen. */
  readonly notice: ((servedModel: string | undefined) => StreamNotice) | undefined;
  /** Where it stands once that is told. */
  readonly after: AnswerSoFar;
  /** The text that is gone on with; undefined when the answer is whole. */
  readonly seam: SeamReader | undefined;
  readonly createdAtMs: number;
}
