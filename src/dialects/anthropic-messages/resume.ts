import type { AnswerSoFar } from '../answer-so-far.ts';
import { parseBounded } from '../exact-json.ts';
import { NameTable } from '../name-table.ts';
import { SseCutter } from '../sse-cutter.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';
import { blockStop } from './encode-answer.ts';

/** Another provider's events, so that they go on with a message that was begun: a client takes one `message_start`, and one
 *  block for each index. What is not about either stays as it came, byte for byte. */
export function resumeStream(soFar: AnswerSoFar): (events: Buffer) => Buffer {
  const resumption = new Resumption(soFar);
  return events => resumption.resume(events);
}

const noNames = new NameTable<string>([]);

class Resumption {
  readonly #blocks: number;
  #left: AnswerSoFar['open'];
  /** The client's index of each block of this provider. */
  readonly #indexes = new Map<unknown, number>();
  #begun = 0;
  /** Of its message_start: what message_delta does not say again. */
  #usage: WireRecord = {};

  constructor({ blocks, open }: AnswerSoFar) {
    this.#blocks = blocks;
    this.#left = open;
  }

  resume(events: Buffer): Buffer {
    // What comes is whole events, so nothing of one has to be kept for the next.
    const cutter = new SseCutter(noNames);
    cutter.append(events);
    const pieces: Buffer[] = [];
    while (cutter.next()) {
      const bytes = cutter.buffer.subarray(cutter.eventStart, cutter.eventEnd);
      const changed = cutter.dataStart === -1 ? undefined : this.#event(cutter.dataText());
      pieces.push(changed === undefined ? bytes : Buffer.from(changed));
    }
    if (cutter.unfinishedBytes > 0) pieces.push(events.subarray(events.length - cutter.unfinishedBytes));
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** undefined: as it came. */
  #event(text: string): string | undefined {
    const event = parsed(text);
    if (!isRecord(event)) return undefined;
    switch (event['type']) {
      case 'message_start': {
        const message = event['message'];
        if (isRecord(message) && isRecord(message['usage'])) this.#usage = message['usage'];
        return '';
      }
      case 'content_block_start':
        return this.#start(event);
      case 'content_block_delta':
      case 'content_block_stop': {
        const index = this.#indexes.get(event['index']);
        return index === undefined ? undefined : write({ ...event, index });
      }
      case 'message_delta': {
        const usage = isRecord(event['usage']) ? { ...this.#usage, ...event['usage'] } : this.#usage;
        return this.#closeLeft() + write({ ...event, usage });
      }
      default:
        return undefined;
    }
  }

  #start(event: WireRecord): string {
    const block = event['content_block'];
    const type = isRecord(block) ? block['type'] : undefined;
    if (this.#left !== undefined && type === wireTypes[this.#left.type]) {
      this.#indexes.set(event['index'], this.#left.index);
      this.#left = undefined;
      return '';
    }
    const index = this.#blocks + this.#begun;
    this.#begun += 1;
    this.#indexes.set(event['index'], index);
    return this.#closeLeft() + write({ ...event, index });
  }

  #closeLeft(): string {
    if (this.#left === undefined) return '';
    const { index } = this.#left;
    this.#left = undefined;
    return blockStop(index);
  }
}

/** Blocks that open empty, so that another provider can fill them. */
const wireTypes: Readonly<Record<NonNullable<AnswerSoFar['open']>['type'], string | undefined>> = {
  text: 'text',
  reasoning: 'thinking',
  refusal: undefined,
  call: undefined,
};

function write(event: WireRecord): string {
  return `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`;
}

function parsed(text: string): unknown {
  try {
    return parseBounded(text);
  } catch {
    return undefined;
  }
}
