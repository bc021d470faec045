import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { clientPath, installClients } from '../clients/installed-client.ts';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { repositoryRoot } from '../support/test-groups.ts';

// The programs of the guide to SDKs, as they stand there, on a carrier that was started as `npm start` does.

const skip = installClients() ?? false;
if (skip !== false) process.stdout.write(`\nNOT SHOWN: the SDKs are not installed; ${skip}\n`);

const programTimeoutMs = 60_000;
const guide = readFileSync(join(repositoryRoot, 'docs/guides/sdks.md'), 'utf8');
const programs = [...guide.matchAll(/^```js\n(.*?)^```$/gms)].map(([, text]) => text!);

let carrier: Carrier;

before(async () => {
  if (skip === false) carrier = await startCarrier();
});

test('the guide has a program for every SDK of its table', () => {
  const imported = programs.map(text => [...text.matchAll(/from '([^']+)'/g)].map(([, name]) => name!));
  assert.deepEqual([...new Set(imported.flat())].sort(), [
    '@ai-sdk/openai-compatible',
    '@anthropic-ai/sdk',
    '@aws-sdk/client-bedrock-runtime',
    '@google/genai',
    '@langchain/openai',
    '@mistralai/mistralai',
    '@openai/agents',
    'ai',
    'cohere-ai',
    'openai',
  ]);
});

for (const [index, program] of programs.entries()) {
  const [, name] = /from '([^']+)'/.exec(program)!;
  test(`program ${index + 1} of the guide, of ${name}, prints an answer`, { skip }, async () => {
    const { output, errors, code } = await run(program);

    assert.equal(code, 0, errors);
    assert.match(output, /^\w+( \w+)+/);
  });
}

function run(program: string): Promise<{ readonly code: number; readonly output: string; readonly errors: string }> {
  const env = { PATH: process.env['PATH'], CARRIER_URL: carrier.url, CARRIER_KEY: carrier.key };
  // Packages are found from the working directory.
  const options = { cwd: clientPath('..'), env, timeout: programTimeoutMs };
  return new Promise(resolve => {
    const words = ['--input-type=module', '--eval', program];
    execFile(process.execPath, words, options, (error, output, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output, errors });
    });
  });
}
