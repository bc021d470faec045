import type { TestEvent } from 'node:test/reporters';

/** A reporter of node:test that writes one line: the counts of the whole run, as JSON. */
export default async function* countReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue;
    yield `${JSON.stringify(event.data.counts)}\n`;
  }
}
