import type { Dialect } from '../dialects/dialect.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { Deadlines } from './deadlines.ts';
import type { ProgressNotes } from './progress-notes.ts';
import type { DataPlaneLimits } from './settings.ts';

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
  /** Adds our own headers to those of the answer. */
  finishHead(headers: string[], servedModel: string | undefined): string[];
}
