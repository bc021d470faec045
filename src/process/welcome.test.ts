import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { shellQuote, type WelcomeFacts, welcome } from './welcome.ts';

const facts: WelcomeFacts = {
  url: 'http://127.0.0.1:8080',
  adminUrl: 'http://127.0.0.1:8080',
  dataDirectory: "/home/o'neil/my data",
  adminKeyPath: "/home/o'neil/my data/admin.key",
  example: { keyPath: "/home/o'neil/my data/sandbox.key", model: 'sandbox', sandbox: true },
  unusedVariables: [],
  command: 'npm run -s carrier --',
  startedInMs: 1_234,
};

test('the welcome shows the address, where the keys are, an example and the next command', () => {
  const text = welcome(facts);

  assert.match(text, /serves at http:\/\/127\.0\.0\.1:8080 {2}\(ready in 1\.2 s\)/);
  assert.match(text, /admin key {3}\/home\/o'neil\/my data\/admin\.key/);
  assert.match(text, /Bearer \$\(cat '\/home\/o'\\''neil\/my data\/sandbox\.key'\)/);
  assert.match(text, /npm run -s carrier -- usage/);
  assert.match(text, /console {5}http:\/\/127\.0\.0\.1:8080\/console\/$/m);
  assert.doesNotMatch(text, /not used/i);
});

test('without a key that works the welcome says how to make one', () => {
  const text = welcome({ ...facts, example: undefined, adminKeyPath: undefined, command: 'carrier' });

  assert.match(text, /carrier keys create --project acme\/web --name first/);
  assert.match(text, /as given in CARRIER_ADMIN_KEY/);
  assert.doesNotMatch(text, /curl/);
});

test('keys in the environment that do nothing yet are named in one line', () => {
  const text = welcome({ ...facts, unusedVariables: ['GEMINI_API_KEY', 'AZURE_OPENAI_API_KEY'] });

  assert.match(text, /^ {2}not used {4}GEMINI_API_KEY, AZURE_OPENAI_API_KEY: their providers cannot be called yet$/m);
});

test('what is quoted for the shell comes out of it unchanged', () => {
  for (const word of [`a'b`, `$(rm -rf /)`, '"`\\', 'a b\tc', "''", 'ü']) {
    assert.equal(execFileSync('sh', ['-c', `printf %s ${shellQuote(word)}`], { encoding: 'utf8' }), word);
  }
});
