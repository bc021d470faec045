import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { type Example, matchesShown, readExamples } from './read-examples.ts';

const entryPath = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const commandTimeoutMs = 60_000;
/** What is written by one process is read by another: usage is there within two seconds. */
const eventuallyMs = 15_000;
const againAfterMs = 100;

/** Runs every example of a guide, in order, on a carrier that was started as `npm start` does: with its sandbox. */
export async function runGuide(path: string): Promise<void> {
  const examples = readExamples(readFileSync(path, 'utf8'));
  const carrier = await startCarrier();
  const directory = mkdtempSync('/tmp/carrier-guide-');
  try {
    writeFileSync(join(directory, 'carrier'), `#!/bin/sh\nexec '${process.execPath}' '${entryPath}' "$@"\n`, {
      mode: 0o755,
    });
    for (const [index, example] of examples.entries()) {
      const next = examples[index + 1];
      await runExample(example, { carrier, directory, shown: next?.type === 'output' ? next.text : undefined });
    }
  } finally {
    await carrier.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Place {
  readonly carrier: Carrier;
  readonly directory: string;
  readonly shown: string | undefined;
}

async function runExample(example: Example, place: Place): Promise<void> {
  if (example.type === 'file') writeFileSync(join(place.directory, example.name), example.text);
  if (example.type !== 'command') return;
  const untilMs = performance.now() + (example.eventually ? eventuallyMs : 0);
  for (;;) {
    const ran = await run(example.text, place);
    const isShown = place.shown === undefined || matchesShown(ran.output, place.shown);
    if (ran.code === example.exitCode && isShown) return;
    if (performance.now() < untilMs) {
      await sleep(againAfterMs);
      continue;
    }
    const where = `the example at line ${example.line}`;
    assert.equal(ran.code, example.exitCode, `${where} ended with ${ran.code}:\n${ran.output}${ran.errors}`);
    assert.equal(ran.output.trimEnd(), place.shown!.trimEnd(), `${where} prints something else`);
  }
}

async function run(
  command: string,
  { carrier, directory }: Place,
): Promise<{ readonly code: number; readonly output: string; readonly errors: string }> {
  const environment = {
    PATH: `${directory}:${process.env['PATH']}`,
    HOME: directory,
    CARRIER_URL: carrier.url,
    CARRIER_ADMIN_KEY: carrier.adminKey,
    CARRIER_DATA: carrier.dataDirectory,
    CARRIER_KEY: carrier.key,
  };
  return new Promise(resolve => {
    const child = execFile(
      'bash',
      ['--norc', '-euo', 'pipefail', '-c', command],
      { cwd: directory, env: environment, timeout: commandTimeoutMs },
      (_error, output, errors) => resolve({ code: child.exitCode ?? -1, output, errors }),
    );
  });
}
