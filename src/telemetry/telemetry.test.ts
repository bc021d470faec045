import assert from 'node:assert/strict';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fault } from '../completion/fault.ts';
import type { EndedExchange } from '../gateway/ports.ts';
import { compactExchange, compactMessage } from './compact-line.ts';
import { exchangeLine, refusalLine } from './exchange-line.ts';
import { ExchangeMetrics } from './exchange-metrics.ts';
import { createLog } from './log.ts';
import { ReplicaMetrics } from './replica-metrics.ts';
import { gauge, Tally } from './tally.ts';

const directory = mkdtempSync(join(tmpdir(), 'carrier-telemetry-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function exchange(changes: { deployment?: string; requestedModel?: string; outcome?: string } = {}): EndedExchange {
  const { deployment = 'gpt-5-us', requestedModel = 'openai/gpt-5', outcome = 'ok' } = changes;
  return {
    admit: {
      type: 'admit',
      id: 'ex_1',
      atMs: 0,
      organisation: 'acme',
      project: 'web',
      key: 'abcd1234',
      dialect: 'openai-chat',
      requestedModel,
      stream: true,
      snapshot: 'h',
      hold: { amountAtto: '0', currency: 'USD', leases: [] },
      sandbox: false,
      tags: { team: 'secret-team' },
    },
    end: {
      type: 'end',
      id: 'ex_1',
      atMs: 1,
      status: 200,
      outcome,
      stream: true,
      attempts: [
        {
          attempt: 1,
          deployment,
          provider: 'openai',
          model: 'openai/gpt-5',
          targetModel: 'gpt-5',
          dialect: 'openai-chat',
          outcome,
          startedAtMs: 0,
          durationMs: 180,
          reading: { slices: { inputUncached: 12, output: 34 }, source: 'provider' },
        },
      ],
      reading: { slices: { inputUncached: 10, cacheRead: 2, output: 30, reasoning: 4 }, source: 'provider' },
      sell: { amountAtto: '355000000000000', currency: 'USD', version: 'v1', lines: [], overHoldAtto: '0' },
      state: 'settled',
      losses: [],
      servedModel: 'gpt-5-2026-08-07',
      deliveredBytes: 120,
      requestBytes: 80,
      responseBytes: 400,
      firstByteMs: 40,
      durationMs: 180,
      decision: {},
    },
  };
}

const formatAmount = (atto: bigint) => `${atto}a`;

test('the line of an exchange says who, what, where, how and for how much, and nothing else', () => {
  const line = exchangeLine(exchange(), formatAmount);

  assert.deepEqual(JSON.parse(JSON.stringify(line)), {
    exchange: 'ex_1',
    organisation: 'acme',
    project: 'web',
    key: 'abcd1234',
    dialect: 'openai-chat',
    stream: true,
    requestedModel: 'openai/gpt-5',
    targetModel: 'gpt-5',
    servedModel: 'gpt-5-2026-08-07',
    deployment: 'gpt-5-us',
    attempts: 1,
    status: 200,
    outcome: 'ok',
    state: 'settled',
    inputTokens: 12,
    outputTokens: 34,
    sell: '355000000000000a',
    currency: 'USD',
    firstByteMs: 40,
    durationMs: 180,
  });
});

test('a key in the query does not reach the line of a refusal', () => {
  const fault = new Fault('key_invalid');

  const line = refusalLine({ fault, exchangeId: 'ex_2', path: '/v1/models?key=cck_secret', durationMs: 1 });

  assert.deepEqual(line, { exchange: 'ex_2', path: '/v1/models', status: 401, outcome: 'key_invalid', durationMs: 1 });
});

test('a model name cannot move the cursor of a terminal', () => {
  const text = compactExchange(exchangeLine(exchange({ requestedModel: 'a\x1b[2J\r\nb\u009b' }), formatAmount));

  assert.match(text, /a\?\[2J\?\?b\?/);
  assert.match(compactMessage('warn', 'worker-1', 'x\ny', { reason: 'a\x07b' }), /x\?y.*reason=a\?b/);
});

test('the log holds one JSON object a line, with the level asked for', async () => {
  const path = join(directory, 'json.log');
  const log = createLog({ level: 'info', format: 'json' }, 'worker-1', openSync(path, 'a'));

  log.debug('not shown');
  log.exchange(exchangeLine(exchange(), formatAmount));
  log.warn('segment sealed', { bytes: 3 });
  await log.close();

  const lines = readFileSync(path, 'utf8').trim().split('\n');
  assert.equal(lines.length, 2);
  const [first, second] = lines.map(line => JSON.parse(line));
  assert.equal(first.msg, 'exchange');
  assert.equal(first.role, 'worker-1');
  assert.equal(first.exchange, 'ex_1');
  assert.equal(second.level, 40);
  assert.equal(second.bytes, 3);
});

test('counts of workers are added, gauges combined as they say, and a dead worker keeps its counts', async () => {
  const [one, two] = [new ExchangeMetrics(), new ExchangeMetrics()];
  one.ended(exchange());
  two.ended(exchange());
  two.ended(exchange({ outcome: 'upstream_reset' }));
  const replica = new ReplicaMetrics();

  replica.retire([...one.json(), gauge('carrier_open_exchanges', 'Open.', 7)]);
  const text = await replica.text([
    [...two.json(), gauge('carrier_open_exchanges', 'Open.', 2), gauge('carrier_delay', 'Delay.', 0.5, 'max')],
    [gauge('carrier_open_exchanges', 'Open.', 3), gauge('carrier_delay', 'Delay.', 0.25, 'max')],
  ]);

  assert.match(text, /^carrier_exchanges_total\{dialect="openai-chat",mode="stream",outcome="ok"\} 2$/m);
  assert.match(text, /^carrier_exchanges_total\{dialect="openai-chat",mode="stream",outcome="upstream_reset"\} 1$/m);
  assert.match(text, /^carrier_attempts_total\{deployment="gpt-5-us",outcome="ok"\} 2$/m);
  assert.match(text, /^carrier_tokens_total\{slice="reasoning"\} 12$/m);
  assert.match(text, /^carrier_open_exchanges 5$/m);
  assert.match(text, /^carrier_delay 0\.5$/m);
  assert.match(text, /^carrier_exchange_duration_seconds_bucket\{le="0\.1",mode="stream"\} 0$/m);
  assert.match(text, /^carrier_exchange_duration_seconds_bucket\{le="0\.25",mode="stream"\} 3$/m);
  assert.match(text, /^carrier_exchange_duration_seconds_bucket\{le="\+Inf",mode="stream"\} 3$/m);
  assert.match(text, /^carrier_exchange_duration_seconds_sum\{mode="stream"\} 0\.54$/m);
  assert.match(text, /^carrier_first_byte_seconds_count\{mode="stream"\} 3$/m);
  assert.doesNotMatch(text, /acme|abcd1234/);
});

test('what a walk does before content is counted, by kinds that are few', () => {
  const metrics = new ExchangeMetrics();
  metrics.walked({ type: 'waited', class: 'batch', outcome: 'granted', durationMs: 120 });
  metrics.walked({ type: 'further', kind: 'hedge', outcome: 'made' });
  metrics.walked({ type: 'hedged', outcome: 'backup' });
  metrics.walked({ type: 'inflow-beyond-share' });

  const seen = metrics
    .json()
    .filter(({ name }) => /queue|further|hedges|inflow/.test(name))
    .map(({ name, values }) => [name, values.filter(({ value }) => value === 1).at(-1)?.labels]);
  assert.deepEqual(seen, [
    ['carrier_queue_waits_total', { class: 'batch', outcome: 'granted' }],
    ['carrier_further_attempts_total', { kind: 'hedge', outcome: 'made' }],
    ['carrier_hedges_total', { answered: 'backup' }],
    ['carrier_inflow_beyond_share_total', {}],
    ['carrier_queue_wait_seconds', { class: 'batch' }],
  ]);
});

test('deployments beyond the bound are counted as other', () => {
  const tally = new Tally('t', 'Test.', ['deployment'], 500);

  for (let i = 0; i < 700; i += 1) tally.cell(`d${i}`).value += 1;

  const { values } = tally.json();
  assert.equal(values.length, 501);
  assert.deepEqual(values.at(-1), { value: 200, labels: { deployment: 'other' } });
});

test('counting and logging an exchange costs microseconds', () => {
  const metrics = new ExchangeMetrics();
  const log = createLog({ level: 'info', format: 'json' }, 'worker-1', openSync('/dev/null', 'w'));
  const ended = exchange();
  const observe = (count: number) => {
    for (let i = 0; i < count; i += 1) {
      metrics.ended(ended);
      log.exchange(exchangeLine(ended, formatAmount));
    }
  };
  observe(5_000);

  const before = process.cpuUsage();
  observe(20_000);
  const { user, system } = process.cpuUsage(before);

  const microseconds = (user + system) / 20_000;
  // The budget is 5 µs on an idle machine; a busy one may take some times that, a mistake takes far more.
  assert.ok(microseconds < 25, `${microseconds} µs an exchange`);
  if (process.env['CARRIER_TEST_VERBOSE']) console.log(`${microseconds} µs an exchange`);
});
