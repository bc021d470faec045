import type { AnswerSoFar } from '../answer-so-far.ts';
import { parseBounded } from '../exact-json.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';
import { blockStop } from './encode-answer.ts';
import { FrameCutter } from './frame-cutter.ts';
import { eventFrame } from './frames.ts';
import { eventTypes } from './wire.ts';

/** Another provider's events, so that they go on with a message that was begun: a client takes one `messageStart`, and one
 *  block for each index. What is not about either stays as it came, byte for byte. */
export function resumeStream(soFar: AnswerSoFar): (events: Buffer) => Buffer {
  const resumption = new Resumption(soFar);
  return events => resumption.resume(events);
}

class Resumption {
  readonly #blocks: number;
  #left: AnswerSoFar['open'];
  /** The client's index of each block of this provider. */
  readonly #indexes = new Map<unknown, number>();
  #begun = 0;

  constructor({ blocks, open }: AnswerSoFar) {
    this.#blocks = blocks;
    this.#left = open;
  }

  resume(events: Buffer): Buffer {
    // What comes is whole frames, so nothing of one has to be kept for the next.
    const cutter = new FrameCutter(Number.POSITIVE_INFINITY);
    cutter.append(events);
    const pieces: Buffer[] = [];
    while (cutter.next()) {
      const bytes = cutter.buffer.subarray(cutter.eventStart, cutter.eventEnd);
      const type = eventTypes[cutter.name];
      const isPlain = cutter.problem !== undefined || cutter.messageType !== 'event' || type === undefined;
      pieces.push(...((isPlain ? undefined : this.#event(type, cutter.dataText())) ?? [bytes]));
    }
    if (cutter.unfinishedBytes > 0) pieces.push(cutter.takeRest());
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** undefined: as it came. */
  #event(type: (typeof eventTypes)[number], text: string): readonly Buffer[] | undefined {
    if (type === 'messageStart') return [];
    if (type === 'messageStop') {
      const closed = this.#closeLeft();
      return closed.length === 0 ? undefined : [...closed, eventFrame(type, text)];
    }
    const event = parsed(text);
    if (!isRecord(event) || type === 'metadata') return undefined;
    const wireIndex = event['contentBlockIndex'];
    // Texts have no start: whatever names a block first begins it.
    const known = this.#indexes.get(wireIndex);
    if (known !== undefined && type !== 'contentBlockStart') return [write(type, event, known)];
    if (type === 'contentBlockStop') return undefined;
    const kind = kindOf(event);
    if (this.#left !== undefined && kind === this.#left.type) {
      const { index } = this.#left;
      this.#left = undefined;
      this.#indexes.set(wireIndex, index);
      return type === 'contentBlockStart' ? [] : [write(type, event, index)];
    }
    const index = this.#blocks + this.#begun;
    this.#begun += 1;
    this.#indexes.set(wireIndex, index);
    return [...this.#closeLeft(), write(type, event, index)];
  }

  #closeLeft(): readonly Buffer[] {
    if (this.#left === undefined) return [];
    const { index } = this.#left;
    this.#left = undefined;
    return [blockStop(index)];
  }
}

/** What a start or a first delta begins, of what another provider can go on with. */
function kindOf(event: WireRecord): 'text' | 'reasoning' | undefined {
  const { delta } = event;
  if (!isRecord(delta)) return undefined;
  if (typeof delta['text'] === 'string') return 'text';
  const reasoning = delta['reasoningContent'];
  return isRecord(reasoning) && reasoning['redactedContent'] === undefined ? 'reasoning' : undefined;
}

function write(type: string, event: WireRecord, contentBlockIndex: number): Buffer {
  return eventFrame(type, JSON.stringify({ ...event, contentBlockIndex }));
}

function parsed(text: string): unknown {
  try {
    return parseBounded(text);
  } catch {
    return undefined;
  }
}
