import assert from 'node:assert/strict';
import type { FixtureDialect } from './fixtures.ts';

export interface Heard {
  readonly text: string;
  /** Terminal events and error events: what a client takes for the end. */
  readonly ends: number;
  readonly errors: number;
}

/** What a client of the dialect makes of a stream. Throws when it does not end between events. */
export function hearStream(client: FixtureDialect, body: Buffer): Heard {
  const heard = { text: '', ends: 0, errors: 0 };
  const stream = body.toString();
  assert.match(stream, /\n\r?\n$/);
  for (const event of stream.split(/\r?\n\r?\n/)) {
    const data = event
      .split(/\r?\n/)
      .filter(line => line.startsWith('data:'))
      .map(line => line.slice('data:'.length).trimStart())
      .join('\n');
    if (data === '') continue;
    if (data === '[DONE]') {
      heard.ends += 1;
      continue;
    }
    const told = JSON.parse(data);
    if (told.error !== undefined && told.error !== null) heard.errors += 1;
    if (told.type === 'message_stop') heard.ends += 1;
    const text = client === 'openai-chat' ? told.choices?.[0]?.delta?.content : told.delta?.text;
    if (typeof text === 'string') heard.text += text;
  }
  return heard;
}
