import type { AnswerSoFar } from '../answer-so-far.ts';
import { parseBounded } from '../exact-json.ts';
import { NameTable } from '../name-table.ts';
import { SseCutter } from '../sse-cutter.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';
import { contentEnd } from './encode-answer.ts';

/** Another provider's events, so that they go on with a message that was begun: a client takes one `message-start`, and one
 *  content for each index. What is not about either stays as it came, byte for byte. Calls have indexes of their own, and
 *  nothing goes on behind a call. */
export function resumeStream(soFar: AnswerSoFar): (events: Buffer) => Buffer {
  const resumption = new Resumption(soFar);
  return events => resumption.resume(events);
}

const noNames = new NameTable<string>([]);

class Resumption {
  readonly #blocks: number;
  #left: AnswerSoFar['open'];
  /** The client's index of each content of this provider. */
  readonly #indexes = new Map<unknown, number>();
  #begun = 0;

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
      const changed = cutter.dataStart === -1 ? undefined : this.#event(cutter.dataText(), bytes.toString());
      pieces.push(changed === undefined ? bytes : Buffer.from(changed));
    }
    if (cutter.unfinishedBytes > 0) pieces.push(events.subarray(events.length - cutter.unfinishedBytes));
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** undefined: as it came. */
  #event(text: string, bytes: string): string | undefined {
    const event = parsed(text);
    if (!isRecord(event)) return undefined;
    switch (event['type']) {
      case 'message-start':
        return '';
      case 'content-start':
        return this.#start(event);
      case 'content-delta':
      case 'content-end':
      case 'citation-start':
      case 'citation-end': {
        const index = this.#indexes.get(event['index']);
        return index === undefined || index === event['index'] ? undefined : write({ ...event, index });
      }
      case 'tool-plan-delta':
      case 'tool-call-start':
      case 'message-end':
        return this.#left === undefined ? undefined : this.#closeLeft() + bytes;
      default:
        return undefined;
    }
  }

  #start(event: WireRecord): string {
    if (this.#left !== undefined && typeOf(event) === wireTypes[this.#left.type]) {
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
    return contentEnd(index);
  }
}

/** Contents open empty, so that another provider can fill them. */
const wireTypes: Readonly<Record<NonNullable<AnswerSoFar['open']>['type'], string | undefined>> = {
  text: 'text',
  reasoning: 'thinking',
  refusal: undefined,
  call: undefined,
};

function typeOf({ delta }: WireRecord): unknown {
  const message = isRecord(delta) ? delta['message'] : undefined;
  const content = isRecord(message) ? message['content'] : undefined;
  return isRecord(content) ? content['type'] : undefined;
}

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
