import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testHealth } from '../../test/support/deployment-health.ts';
import { formatHealth } from './health-command.ts';

const atMs = Date.parse('2026-09-21T14:13:20.000Z');
const plain = { atMs, isTerminal: false, left: 0 };

test('the worst comes first, each with why and for how long', () => {
  const text = formatHealth(testHealth, plain);

  assert.equal(
    text,
    [
      '   deployment  state                                      failing  first token  per token      ±  at once    at most    share',
      '✗  haiku-eu    fails: asked last, with account anthropic                                                0  200 found',
      '✗  sonnet-eu   fails: asked last, probed in 15 s           82.0 %       260 ms    12.1 ms  8.0 %        3  200 found',
      '◐  mini-us     asked to be left alone for 12 s              0.4 %       260 ms    12.1 ms  8.0 %       64         64',
      '●  gpt-5-us    answers                                      0.4 %       260 ms    12.1 ms  8.0 %        3  200 found  100.0 %',
      '·  idle-one    nothing known                                                                            3  200 found',
      '',
      'First token as of a request of 1000 tokens.',
      '',
    ].join('\n'),
  );
});

test('what is probed, comes back, is full or refused is said in words', () => {
  const [well] = testHealth;
  const breaker = { state: 'half-open', scope: 'deployment', name: null, until: null };
  const states = [
    { ...well!, id: 'a', state: 'misconfigured' },
    { ...well!, id: 'b', state: 'probing', breaker, share: 0.2 },
    { ...well!, id: 'c', state: 'saturated' },
    { ...well!, id: 'd', state: 'recovering', share: 0.35 },
  ];
  const text = formatHealth(states, plain);

  for (const words of [
    /a +refuses our credential or its model/,
    /b +being probed/,
    /c +takes no more at once/,
    /d +comes back: 35\.0 % of its share/,
  ])
    assert.match(text, words);
});

test('those left out are counted, and nobody is nobody', () => {
  assert.equal(formatHealth([], plain), 'There are no deployments.\n');
  assert.equal(formatHealth([], { ...plain, left: 3 }), '3 more had nothing to do lately; --all shows them.\n');
});

test('a terminal sees the marks in colour, and a name cannot steer it', () => {
  const [well] = testHealth;
  const text = formatHealth([{ ...well!, id: 'x\x1b[2Jy' }], { ...plain, isTerminal: true });

  assert.ok(text.includes('\x1b[32m●\x1b[0m  x�[2Jy'), text);
});
