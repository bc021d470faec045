import type { BlockHead, CompletionEvent, Finish } from '../completion/event.ts';
import { Fault } from '../completion/fault.ts';
import type { LossLedger } from '../completion/loss.ts';
import type { LossCode } from '../completion/loss-codes.ts';
import type { UsageReport } from '../completion/usage-fields.ts';
import { AnswerTally } from './answer-tally.ts';
import type { AnswerFacts } from './dialect.ts';

/** Builds the event stream of one answer so that it keeps the laws of event.ts: dense indexes, blocks closed before the
 *  finish, nothing after the end. Decoders say what they read; order and closing are kept here. */
export class AnswerEvents {
  readonly tally = new AnswerTally();
  readonly #losses: LossLedger;
  readonly #declared = new Set<string>();
  #events: CompletionEvent[] = [];
  #opened = 0;
  readonly #open = new Map<number, BlockHead['type']>();
  #isStarted = false;
  #isOver = false;

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
    this.#open.set(index, block.type);
    this.#push({ type: 'block-open', index, block });
    return index;
  }

  text(index: number, text: string): undefined {
    if (this.#open.get(index) === 'call') return this.malformed('text inside a tool call');
    this.tally.content(Buffer.byteLength(text));
    this.#push({ type: 'text-delta', index, text });
  }

  arguments(index: number, text: string): undefined {
    if (this.#open.get(index) !== 'call') return this.malformed('arguments outside a tool call');
    this.tally.content(Buffer.byteLength(text));
    this.#push({ type: 'arguments-delta', index, text });
  }

  /** At most one a block; a block that is closed has none any more. */
  state(index: number, state: string): undefined {
    if (this.#open.has(index)) this.#push({ type: 'state', index, state });
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
