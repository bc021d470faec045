import type { StreamForm } from '../dialect.ts';

export interface FramePlace {
  /** `events` unless said. */
  readonly form: StreamForm | undefined;
  /** Does it begin the stream? */
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** One chunk as it stands in a stream: an event, or an entry of a list with what parts it from the one before. The client
 *  library of JavaScript takes a last event without its blank line for half a one (@google/genai 3.1, 2026-11). */
export function framed(json: string, { form, isFirst, isLast }: FramePlace): string {
  if (form !== 'list') return `data: ${json}\r\n\r\n`;
  return `${isFirst ? '[' : ',\r\n'}${json}${isLast ? '\n]\n' : ''}`;
}
