import type { TestEvent } from 'node:test/reporters';

/** A reporter of node:test that writes one line: the counts of the whole run and the files with failures, as JSON. */
export default async function* countReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failedFiles = new Set<string>();
  for await (const event of events) {
    if (event.type === 'test:fail' && event.data.file !== undefined) failedFiles.add(event.data.file);
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue;
    yield `${JSON.stringify({ ...event.data.counts, failedFiles: [...failedFiles] })}\n`;
  }
}
