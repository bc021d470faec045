import type { BlockHead } from '../completion/event.ts';
import { LossLedger } from '../completion/loss.ts';
import type { LossCode } from '../completion/loss-codes.ts';
import type { AnswerSoFar, CompleteCall, StreamPlaceReader } from '../dialects/answer-so-far.ts';
import type { Dialect, StreamDecoder, StreamObserver } from '../dialects/dialect.ts';
import { parseBoundedInexact } from '../dialects/exact-json.ts';
import { continuedBytesMax } from './splice-guard.ts';

/** How far an answer has bound us: what the most telling thing is that its client was shown.
 *  nothing: no status. head: status, the beginning of a message, keep-alives. text. reasoning. calls: any part of a tool
 *  call. other: what only its provider's dialect knows, or cannot be read. finished: why the answer ended. */
export const commitLevels = ['nothing', 'head', 'text', 'reasoning', 'calls', 'other', 'finished'] as const;
export type CommitLevel = (typeof commitLevels)[number];

/** What passed is read when so much of it has come together, or when the answer breaks: an answer that does not break pays
 *  for a small buffer and little else. */
export const unreadBytesMax = 64 * 1024;

/** What the client of one exchange was shown of a streamed answer, read from the very bytes that it was sent. Kept only
 *  where it may decide what follows a failure. */
export class ShownAnswer {
  readonly #decoder: StreamDecoder;
  readonly #observer: StreamObserver;
  readonly #place: StreamPlaceReader | undefined;
  readonly #losses = new LossLedger();
  readonly #open = new Map<number, BlockHead>();
  readonly #calls = new Map<number, { head: BlockHead & { type: 'call' }; text: string; isClosed: boolean }>();
  readonly #keepsText: boolean;
  #unread: Buffer[] = [];
  #unreadBytes = 0;
  #level: CommitLevel = 'head';
  #blocks = 0;
  /** Index of the block that was begun last, among all that the decoder reads. */
  #last = -1;
  #text = '';
  #lossesBefore = 0;

  /** `keepsText`: somebody may go on with it. */
  constructor(dialect: Dialect, { keepsText }: { readonly keepsText: boolean }) {
    this.#keepsText = keepsText;
    this.#decoder = dialect.decodeStream(this.#losses);
    this.#observer = dialect.observeStream({ stripUsage: false });
    this.#place = dialect.readPlace?.();
  }

  pass(bytes: Buffer): void {
    this.#unread.push(bytes);
    this.#unreadBytes += bytes.length;
    if (this.#unreadBytes > unreadBytesMax) this.#read();
  }

  /** The client was told to throw away what it has. Its blocks are there all the same. */
  restarted(): void {
    this.#read();
    this.#place?.restarted();
    this.#level = 'head';
    this.#text = '';
    this.#calls.clear();
    this.#lossesBefore = this.#losses.losses.length;
  }

  get level(): CommitLevel {
    this.#read();
    if (this.#observer.facts.finishRaw !== undefined) return 'finished';
    const lost = this.#losses.losses.slice(this.#lossesBefore);
    return lost.some(({ code }) => foreign.has(code)) ? 'other' : this.#level;
  }

  /** The text since the last restart; has it nothing that text alone does not carry? */
  get text(): { readonly text: string; readonly isPlain: boolean } {
    this.#read();
    return { text: this.#text, isPlain: this.#losses.losses.length === this.#lossesBefore };
  }

  get soFar(): AnswerSoFar {
    this.#read();
    const open = this.#open.get(this.#last);
    return {
      blocks: this.#blocks,
      open: open === undefined || isPlan(open) ? undefined : { index: this.#blocks - 1, type: open.type },
      place: this.#place?.place,
    };
  }

  /** Calls that came whole: closed by their provider, or with arguments that are a whole JSON object. */
  get completeCalls(): readonly CompleteCall[] {
    this.#read();
    return [...this.#calls.values()].flatMap(({ head, text, isClosed }) => {
      const custom = head.custom === true;
      const argumentsText = text === '' && isClosed && !custom ? '{}' : text;
      const isComplete = custom ? isClosed : isObject(argumentsText);
      return isComplete ? [{ id: head.id, name: head.name, argumentsText, custom }] : [];
    });
  }

  #read(): void {
    if (this.#unread.length === 0) return;
    const bytes = this.#unread.length === 1 ? this.#unread[0]! : Buffer.concat(this.#unread);
    this.#unread = [];
    this.#unreadBytes = 0;
    this.#observer.push(bytes);
    this.#place?.push(bytes);
    for (const event of this.#decoder.push(bytes)) {
      switch (event.type) {
        case 'block-open':
          this.#last = event.index;
          if (!isPlan(event.block)) this.#blocks += 1;
          this.#open.set(event.index, event.block);
          if (event.block.type === 'call') {
            this.#calls.set(event.index, { head: event.block, text: '', isClosed: false });
            this.#reach('calls');
          } else if (event.block.type === 'reasoning' && event.block.redacted === true) this.#reach('reasoning');
          break;
        case 'text-delta': {
          const type = this.#open.get(event.index)?.type;
          if (type === 'text') {
            // A text over its bound is not gone on with, however much longer it gets.
            if (this.#keepsText && this.#text.length <= continuedBytesMax) this.#text += event.text;
            this.#reach('text');
          } else this.#reach(type === 'reasoning' ? 'reasoning' : 'other');
          break;
        }
        case 'arguments-delta': {
          const call = this.#calls.get(event.index);
          if (call !== undefined) call.text += event.text;
          break;
        }
        case 'state':
          this.#reach('reasoning');
          break;
        case 'block-close': {
          this.#open.delete(event.index);
          const call = this.#calls.get(event.index);
          if (call !== undefined) call.isClosed = true;
          break;
        }
        case 'error':
          this.#reach('other');
          break;
        case 'finish':
          this.#reach('finished');
          break;
      }
    }
  }

  #reach(level: CommitLevel): void {
    if (commitLevels.indexOf(level) > commitLevels.indexOf(this.#level)) this.#level = level;
  }
}

/** Parts of an answer that the middle does not know: nobody can go on with them, and nobody can say what they did. */
const foreign: ReadonlySet<string> = new Set<LossCode>([
  'block-unsupported',
  'part-unsupported',
  'audio-answer-unsupported',
]);

/** It has no index where it is told apart, and no end that could be missing. */
function isPlan(block: BlockHead): boolean {
  return block.type === 'text' && block.plan === true;
}

function isObject(text: string): boolean {
  if (!text.trimStart().startsWith('{')) return false;
  try {
    parseBoundedInexact(text);
    return true;
  } catch {
    return false;
  }
}
