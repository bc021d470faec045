import type { UsageSlices } from '../completion/usage.ts';
import type { AnswerFacts } from '../dialects/dialect.ts';
import type { ExchangeJournal } from '../journal/writer.ts';

/** What is read of an answer that is still coming. */
export interface Progressing {
  readonly facts: AnswerFacts | undefined;
  readonly contentBytesSinceUsage: number;
}

/** Notes in the journal how far an answer has come, so that a crash can be settled by what the client had: at the first
 *  content, then every 256 kB or 10 s. */
export class ProgressNotes {
  readonly #journal: ExchangeJournal;
  readonly #id: string;
  readonly #attempt: number;
  readonly #nowMs: () => number;
  readonly #estimateOutput: (contentBytes: number) => number;
  #bytesSince = 0;
  #notedAtMs: number | undefined;

  constructor(
    journal: ExchangeJournal,
    exchange: { readonly id: string; readonly attempt: number },
    nowMs: () => number,
    estimateOutput: (contentBytes: number) => number,
  ) {
    this.#journal = journal;
    this.#id = exchange.id;
    this.#attempt = exchange.attempt;
    this.#nowMs = nowMs;
    this.#estimateOutput = estimateOutput;
  }

  committed(answer: Progressing): void {
    this.#note(answer);
  }

  passed(bytes: number, answer: Progressing): void {
    this.#bytesSince += bytes;
    if (this.#bytesSince >= noteEveryBytes) this.#note(answer);
  }

  /** `nowMs` is monotonic. */
  tick(nowMs: number, answer: Progressing): void {
    this.#notedAtMs ??= nowMs;
    if (nowMs - this.#notedAtMs < noteEveryMs) return;
    this.#notedAtMs = nowMs;
    if (this.#bytesSince > 0) this.#note(answer);
  }

  #note(answer: Progressing): void {
    this.#bytesSince = 0;
    const contentBytes = answer.facts?.contentBytes ?? answer.contentBytesSinceUsage;
    const usage: UsageSlices | undefined = answer.facts?.usage;
    this.#journal.progress({
      type: 'progress',
      id: this.#id,
      attempt: this.#attempt,
      atMs: this.#nowMs(),
      contentBytes,
      outputTokensEstimate: this.#estimateOutput(contentBytes),
      ...(usage === undefined ? undefined : { usage }),
    });
  }
}

const noteEveryBytes = 256 * 1024;
const noteEveryMs = 10_000;
