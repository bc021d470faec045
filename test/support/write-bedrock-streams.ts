import { readFileSync, writeFileSync } from 'node:fs';
import { binaryEvent } from './event-stream.ts';

/** The streams of bedrock-converse as frames, from the form in which they can be read:
 *  `node test/support/write-bedrock-streams.ts` writes them after a change of `fixtures/streams.json`. */

const folder = new URL('../../src/dialects/bedrock-converse/fixtures/', import.meta.url);

export function bedrockStreams(): ReadonlyMap<string, Buffer> {
  const written: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = JSON.parse(
    readFileSync(new URL('streams.json', folder), 'utf8'),
  );
  return new Map(
    Object.entries(written).map(([name, events]) => [
      `${name}.bin`,
      Buffer.concat(events.map(({ json, ...event }) => binaryEvent(event, json as string | undefined))),
    ]),
  );
}

if (import.meta.main) {
  for (const [name, bytes] of bedrockStreams()) writeFileSync(new URL(`streams/${name}`, folder), bytes);
}
