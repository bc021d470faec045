import type { BlockHead, CompletionEvent, Finish } from '../completion/event.ts';
import { Fault } from '../completion/fault.ts';
import type { LossLedger } from '../completion/loss.ts';
import type { LossCode } from '../completion/loss-codes.ts';
import type { UsageReport } from '../completion/usage-fields.ts';
import { AnswerTally } from './answer-tally.ts';
import type { AnswerFacts } from './dialect.ts';

/** Of one translated answer, in bytes of content and state. Parts of it wait in memory until what they belong to is whole, so a
 *  stream that never ends would otherwise stay here. As large as a whole answer may be. */
export const answerBytesMax = 32 * 1024 * 1024;
/** What a block costs however short it is. */
const blockBytes = 256;

/** Builds the event stream of one answer so that it keeps the laws of event.ts: dense indexes, blocks closed before the
 *  finish, nothing after the end. Decoders say what they read; order and closing are kept here. */
export class AnswerEvents {
  readonly tally = new AnswerTally();
  readonly #losses: LossLedger;
  readonly #declared = new Set<string>();
  #events: CompletionEvent[] = [];
  #opened = 0;
  readonly #open = new Map<number, BlockHead>();
  #isStarted = false;
  #isOver = false;
  #weight = 0;

  constructor(losses: LossLedger) {
    this.#losses = losses;
  }

  get facts(): AnswerFacts {
    return this.tally.facts;
  }
  get isStarted(): boolean {
    return this.#isStarted;
  }
  get hasBlocks(): boolean {
    return this.#opened > 0;
  }
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The events since the last call. */
  take(): CompletionEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  start(id: string, servedModel: string | undefined, createdAtMs: number | undefined): void {
    this.#isStarted = true;
    this.tally.servedModel = servedModel;
    this.#push({ type: 'message-start', id, servedModel, createdAtMs, usage: this.tally.facts.usage });
  }

  open(block: BlockHead): number {
    const index = this.#opened;
    this.#opened += 1;
    this.weigh(blockBytes);
    this.#open.set(index, block);
    this.#push({ type: 'block-open', index, block });
    return index;
  }

  text(index: number, text: string): undefined {
    const head = this.#open.get(index);
    if (head?.type === 'call') return this.malformed('text inside a tool call');
    if (head?.type === 'reasoning' && head.redacted === true) return this.malformed('text inside redacted thinking');
    this.#content(text);
    this.#push({ type: 'text-delta', index, text });
  }

  arguments(index: number, text: string): undefined {
    if (this.#open.get(index)?.type !== 'call') return this.malformed('arguments outside a tool call');
    this.#content(text);
    this.#push({ type: 'arguments-delta', index, text });
  }

  #content(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.tally.content(bytes);
    this.weigh(bytes);
  }

  /** Counts what is kept of an answer; one over its bound ends here. */
  weigh(bytes: number): void {
    this.#weight += bytes;
    if (this.#weight > answerBytesMax) this.fail(new Fault('upstream_response_too_large'));
  }

  /** At most one a block; a block that is closed has none any more, and text has none at all. */
  state(index: number, state: string): undefined {
    const type = this.#open.get(index)?.type;
    if (type === 'text' || type === 'refusal') return this.lose('delta-unsupported', `content.${index}`);
    if (type !== undefined) this.#push({ type: 'state', index, state });
  }

  close(index: number): void {
    if (this.#open.delete(index)) this.#push({ type: 'block-close', index });
  }

  closeAll(): void {
    for (const index of this.#open.keys()) this.close(index);
  }

  /** A report that does not add up is kept for the reading and not told to the client. */
  usage(raw: unknown, report: UsageReport | undefined): void {
    if (report === undefined) return;
    this.tally.usage(raw, report);
    if (!this.#isStarted || report.identityBroken !== undefined) return;
    this.#push({ type: 'usage', usage: report.slices, raw, serviceTier: this.tally.serviceTier });
  }

  lose(code: LossCode, path: string): undefined {
    if (this.#declared.has(code)) return;
    this.#declared.add(code);
    this.#losses.dropped(code, path);
  }

  end(finish: Finish): void {
    this.closeAll();
    this.#push({ type: 'finish', finish });
    this.#push({ type: 'message-end' });
    this.#isOver = true;
  }

  fail(fault: Fault): undefined {
    if (this.#isOver) return;
    this.tally.fault = fault;
    this.#push({ type: 'error', fault });
    this.#isOver = true;
  }

  malformed(what: string): undefined {
    this.tally.malformedEvents += 1;
    this.fail(new Fault('upstream_malformed', `The provider sent ${what}.`));
  }

  /** A decoder may find out in the middle of an event that the answer is over: what it reads on is not told. */
  #push(event: CompletionEvent): void {
    if (!this.#isOver) this.#events.push(event);
  }
}
