import type { AnswerSoFar } from '../answer-so-far.ts';

/** Another provider's chunks go on as they are; only a list is not begun twice. */
export function resumeStream(_soFar: AnswerSoFar): (events: Buffer) => Buffer {
  let isBegun = false;
  return events => {
    if (isBegun) return events;
    const at = events.findIndex(byte => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
    if (at === -1) return events;
    isBegun = true;
    return events[at] === openList ? Buffer.concat([comma, events.subarray(at + 1)]) : events;
  };
}

const openList = 0x5b;
const comma = Buffer.from(',');
