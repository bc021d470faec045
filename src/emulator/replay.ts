import type { EmulatedAnswer, ProviderName } from './answer.ts';

/** An answer given from outside, such as a recorded one: sent as it is to every request. */
export interface ReplayedAnswer {
  readonly status: number;
  /** Names and values in turn; framing is added. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** Sent in chunks, event by event unless a script says otherwise; else with its length. */
  readonly streamed: boolean;
}

export function replayAnswer(replayed: ReplayedAnswer, provider: ProviderName): EmulatedAnswer {
  const { status, headers, body, streamed } = replayed;
  return { status, headers, frames: streamed ? splitEvents(body) : [body], streamed, provider, verbatim: true };
}

/** Events end with an empty line, whatever ends a line; what follows the last one is a frame of its own. */
function splitEvents(body: Buffer): Buffer[] {
  // Latin-1 has one character a byte, so no byte is changed on the way through text.
  const frames = body.toString('latin1').match(/[\s\S]*?(?:\r\n\r\n|\n\n|\r\r)|[\s\S]+$/g) ?? [];
  return frames.map(frame => Buffer.from(frame, 'latin1'));
}
