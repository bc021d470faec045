import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { after, before, test } from 'node:test';
import { sendBytes } from './support/send-bytes.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const key = 'acme-secret-acme-secret-acme-secret-0';
let carrier: Carrier;
let provider: Server;
/** What the provider answers next. */
let answer: object = {};

const prices = (extra = '') => `
prices:
  sell:
    currency: USD
    rates:
      carrier/storage: { storage: { amount: "0.000032", per: 1000000000 } }
      carrier/egress: { egress: { amount: "0.09", per: 1000000000 } }
      carrier/egress-month: { egress: { amount: "0.09", per: 1000000000, free: 100000000000 } }
      carrier/chips: { accelerator: { amount: "2.49", per: 3600, minimum: 60 } }
      carrier/searching: { input: "3", output: "15", tool.webSearch: { amount: "10", per: 1000 } }
      carrier/plain: { input: "3", output: "15" }${extra}
  buy:
    currency: USD
    rates:
      carrier/storage: { storage: { amount: "0.00002", per: 1000000000 } }
      carrier/egress: { egress: { amount: "0.05", per: 1000000000 } }
      carrier/egress-month: { egress: { amount: "0.05", per: 1000000000 } }
      carrier/chips: { accelerator: { amount: "1.8", per: 3600 } }
      carrier/searching: { input: "2", output: "10", tool.webSearch: { amount: "9", per: 1000 } }
      carrier/plain: { input: "2", output: "10" }${extra}
`;

before(async () => {
  provider = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
  const { port } = provider.address() as { port: number };
  carrier = await startCarrier({
    yaml: `
providers:
  messages: { dialect: anthropic-messages, baseUrl: "http://127.0.0.1:${port}", credential: env:PLANT_KEY }
  chat: { dialect: openai-chat, baseUrl: "http://127.0.0.1:${port}/v1", credential: env:PLANT_KEY }
deployments:
  searching: { provider: messages, model: carrier/searching }
  plain: { provider: messages, model: carrier/plain }
  priced: { provider: chat, model: carrier/plain }
organisations:
  acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } } } } }
${prices()}`,
    env: { PLANT_KEY: 'plant', ACME_KEY: key },
  });
});
after(() => provider.close());

/** A price is never published for the past, so nothing is used before the start. */
const now = () => new Date().toISOString();
const today = now().slice(0, 10);

function event(id: string, data: object, time = now()) {
  return {
    specversion: '1.0',
    id,
    source: '/meters/eu-1',
    type: 'ai.gateway.usage.v1',
    time,
    data: { organisation: 'acme', ...data },
  };
}

async function tell(
  body: unknown,
): Promise<readonly { outcome: string; reason?: string; sell?: { amount: string } }[]> {
  const { status, json } = await carrier.api('POST', '/api/v1/usage-events', body);
  assert.equal(status, 200, JSON.stringify(json));
  return (json as { items: readonly { outcome: string; sell?: { amount: string } }[] }).items;
}

test('storage, egress and accelerators are billed to the last digit', async () => {
  const days = (gigabytes: number, from: number, to: number) =>
    Array.from({ length: (to - from) * 24 }, (_, hour) =>
      event(`disk:${from * 24 + hour}`, {
        project: 'acme/web',
        meter: 'storage',
        quantity: gigabytes * 1_000_000_000,
        product: 'carrier/storage',
      }),
    );
  const told = [
    ...(await tell([...days(512, 0, 10), ...days(768, 10, 30)])),
    ...(await tell([
      event('egress:first', { meter: 'egress', quantity: 60_000_000_000, product: 'carrier/egress-month' }),
      event('egress:rest', { meter: 'egress', quantity: 1_174_500_000_000, product: 'carrier/egress-month' }),
      event('chips', { meter: 'accelerator', quantity: 8 * 5_437, holders: 8, product: 'carrier/chips' }),
    ])),
  ];

  assert.ok(told.every(({ outcome }) => outcome === 'accepted'));
  const balance = async (account: string) => {
    const { json } = await carrier.api('GET', `/api/v1/usage?by=class&from=${today}&organisation=acme`);
    const rows = (json as { rows: readonly { by: string; sell: { amount: string } | null }[] }).rows;
    return rows.find(({ by }) => by === account)?.sell?.amount;
  };
  // 512 × 240 + 768 × 480 GB-hours, 1,234.5 GB of which 100 are free, 8 × 5,437 chip-seconds.
  assert.equal(await balance('storage'), '15.72864');
  assert.equal(await balance('egress'), '102.105');
  assert.equal(await balance('accelerator'), '30.084733333333333333');
  const { json } = await carrier.api('GET', `/api/v1/usage?by=organisation&from=${today}`);
  const [acme] = (json as { rows: readonly { sell: { amount: string } }[] }).rows;
  assert.equal(acme?.sell.amount, '147.918373333333333333');

  const month = await carrier.api('GET', `/api/v1/usage-months?subject=acme&month=${today}`);
  assert.deepEqual(
    (month.json as { items: readonly Record<string, unknown>[] }).items.map(
      ({ id: _id, version: _version, ...sum }) => sum,
    ),
    [
      {
        book: 'sell',
        subject: 'acme',
        product: 'carrier/egress-month',
        meter: 'egress',
        month: `${today.slice(0, 7)}-01`,
        quantity: '1234500000000',
        free: '100000000000',
        freeLeft: '0',
        amount: '102.105',
        currency: 'USD',
        replaced: false,
      },
    ],
  );
});

test('telling again repeats nothing; other facts under one name are refused by name and kept', async () => {
  const first = event('twice', { meter: 'egress', quantity: 7, product: 'carrier/egress' });
  await tell(first);

  assert.equal((await tell(first))[0]?.outcome, 'duplicate');
  assert.equal(
    (await tell({ ...first, time: first.time.replace('Z', '+00:00'), traceparent: '00-1' }))[0]?.outcome,
    'duplicate',
  );
  const other = { ...first, data: { ...first.data, quantity: 8 } };
  const conflict = await carrier.api('POST', '/api/v1/usage-events', other);
  assert.equal(conflict.status, 409);
  assert.equal((conflict.json as { code: string }).code, 'usage_event_conflict');
  assert.equal((await tell([other]))[0]?.outcome, 'conflict');
  const alerts = await carrier.api('GET', '/api/v1/alerts');
  const codes = (alerts.json as { items: readonly { code: string }[] }).items.map(({ code }) => code);
  assert.equal(codes.filter(code => code === 'usage_event_conflict').length, 1);
});

test('late, future and bad events are refused with their places, and nothing of their list is taken', async () => {
  const good = event('never', { meter: 'egress', quantity: 7, product: 'carrier/egress' });
  const late = { ...good, id: 'late', time: new Date(Date.now() - 36 * 86_400_000).toISOString() };
  const ahead = { ...good, id: 'ahead', time: new Date(Date.now() + 600_000).toISOString() };
  const nobody = { ...good, id: 'nobody', data: { ...good.data, organisation: 'globex' } };

  const refused = await carrier.api('POST', '/api/v1/usage-events', [good, late, ahead]);
  assert.equal(refused.status, 400);
  assert.deepEqual(
    (refused.json as { errors: readonly { path: string; message: string }[] }).errors.map(({ path, message }) => [
      path,
      message,
    ]),
    [
      ['body.1.time', 'is more than 35 days ago'],
      ['body.2.time', 'is more than 5 minutes ahead'],
    ],
  );
  const stranger = await carrier.api('POST', '/api/v1/usage-events', [good, nobody]);
  assert.equal(stranger.status, 400);
  assert.match(JSON.stringify(stranger.json), /body\.1\.data\.organisation.*there is no such organisation/);
  const { json } = await carrier.api('GET', '/api/v1/usage-events?meter=egress&limit=100');
  const ids = (json as { items: readonly { id: string }[] }).items.map(({ id }) => id);
  assert.ok(!ids.includes('never'));
});

test('the content types of CloudEvents are taken, and no other', async () => {
  const send = (type: string, body: unknown) =>
    fetch(`${carrier.url}/api/v1/usage-events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${carrier.adminKey}`, 'content-type': type },
      body: JSON.stringify(body),
    });
  const one = event('typed', { meter: 'egress', quantity: 1, product: 'carrier/egress' });

  assert.equal((await send('application/cloudevents+json; charset=utf-8', one)).status, 200);
  assert.equal((await send('application/cloudevents-batch+json', [one])).status, 200);
  assert.equal((await send('text/plain', one)).status, 415);
  assert.equal((await send('application/json', one)).status, 200);
});

test('what has no price waits, by command, until it has one', async () => {
  const pages = [1, 2, 3].map(page =>
    event(`pages:${page}`, { meter: 'page', quantity: 10, product: 'carrier/pages' }),
  );
  const file = `${carrier.dataDirectory}/../events.jsonl`;
  writeFileSync(file, `${pages.map(page => JSON.stringify(page)).join('\n')}\n`);

  const sent = await carrier.command('usage-events', 'send', '-f', file);
  assert.equal(sent.code, 1);
  assert.match(
    sent.stdout,
    /^3 events: 3 quarantined\.\n {2}quarantined: \/meters\/eu-1 pages:1: no sell rate for page of carrier\/pages$/m,
  );
  assert.match(sent.stderr, /3 of 3 events are not booked/);
  await carrier.apply(prices('\n      carrier/pages: { page: { amount: "1.5", per: 1000 } }'));
  assert.match((await carrier.command('usage-events', 'rate')).stdout, /^Rated 0 events; 3 still have no price\.$/m);

  // The price begins now, and these pages were read before. New ones have it.
  const later = now();
  const [told] = await tell([event('pages:now', { meter: 'page', quantity: 10, product: 'carrier/pages' }, later)]);
  assert.equal(told?.sell?.amount, '0.015');
  const again = await carrier.command('usage-events', 'send', '-f', file);
  assert.deepEqual([again.code, again.stdout], [0, '3 events: 3 duplicate.\n']);
  assert.match(
    (await carrier.command('usage-events', 'list', '--state', 'quarantined')).stdout,
    /carrier\/pages +page +10 +– +– +quarantined/,
  );
  const decided = await carrier.command('usage-events', 'rate', '--prices-of', later);
  assert.match(decided.stdout, /^Rated 3 events; 0 still have no price\.$/m);
  const check = await carrier.command('ledger', 'check', '--full');
  assert.equal(check.code, 0, check.stdout + check.stderr);
});

test('what was rated is rated again by another version, by command, once', async () => {
  await carrier.apply(prices('\n      carrier/pages: { page: { amount: "3", per: 1000 } }'));
  const [told] = await tell([event('pages:dear', { meter: 'page', quantity: 10, product: 'carrier/pages' })]);
  const version = (told?.sell as { version?: string } | undefined)?.version ?? '';
  const span = ['--from', today, '--to', new Date(Date.now() + 86_400_000).toISOString()];
  const rerate = (...words: readonly string[]) => carrier.command('usage-events', 'rerate', ...span, ...words);

  const dry = await rerate('--product', 'carrier/pages', '--price-version', version, '--dry-run');
  assert.match(dry.stdout, /^sell +carrier\/pages +page +sell-\w+ +sell-\w+ +4 +0\.06 +0\.12 +0\.06 +USD$/m);
  assert.match(dry.stdout, /^5 events looked at, 4 to correct\. Nothing was changed: this is a dry run\.$/m);
  const done = await rerate('--price-version', version, '--run', 'pages', '--reason', 'the first price was wrong');
  assert.match(done.stdout, /events looked at, 4 corrected, as pages\.$/m);
  assert.match((await rerate('--price-version', version)).stdout, /^Every event comes out as it was booked\.$/m);

  const { json } = await carrier.api('GET', '/api/v1/usage-events?meter=page&limit=100');
  const { items } = json as { items: readonly { id: string; sell: { amount: string }; rerated: object | null }[] };
  assert.deepEqual(new Set(items.map(({ sell }) => sell.amount)), new Set(['0.03']));
  assert.deepEqual(items.find(({ id }) => id === 'pages:1')?.rerated, {
    number: 3,
    run: 'pages',
    reason: 'the first price was wrong',
    before: '0.015',
    currency: 'USD',
  });
  const check = await carrier.command('ledger', 'check', '--full');
  assert.equal(check.code, 0, check.stdout + check.stderr);
});

test('rating again refuses what it does not know', async () => {
  const span = { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' };
  const refused = async (body: object) => {
    const { status, json } = await carrier.api('POST', '/api/v1/usage-events/rerate', { ...span, ...body });
    return [status, JSON.stringify(json)] as const;
  };

  for (const [body, said] of [
    [{ version: 'sell-none' }, /body\.version.*no price version sell-none was published/],
    [{ organisation: 'globex' }, /body\.organisation.*there is no organisation globex/],
    [{ project: 'acme/none' }, /body\.project.*there is no project acme\/none/],
    [{ to: span.from }, /`from` must lie before `to`/],
    [{ after: 'junk' }, /not a cursor/],
    [{ run: 'two words' }, /visible characters/],
    [{ reason: '' }, /reason/],
    [{ hours: 3 }, /hours/],
  ] as const) {
    const [status, text] = await refused(body);
    assert.equal(status, 400, text);
    assert.match(text, said);
  }
});

async function ask(model: string, path: string): Promise<string> {
  const body = JSON.stringify({ model, max_tokens: 64, messages: [{ role: 'user', content: 'hi' }] });
  const headers = { 'content-type': 'application/json', 'x-api-key': key, 'anthropic-version': '2023-06-01' };
  const answered = await sendBytes(carrier.url, { path, body, headers });
  return String(answered.headers['x-carrier-exchange-id']);
}

interface Shown {
  readonly status: string;
  readonly sell: { readonly amount: string } | null;
  readonly reading: { readonly counts?: object; readonly quarantine?: string } | null;
  readonly attempts: readonly { readonly buy: { amount: string } | null; readonly providerCost: object | null }[];
}

async function shown(id: string): Promise<Shown> {
  return until(`exchange ${id} is shipped`, async () => {
    const { status, json } = await carrier.api('GET', `/api/v1/exchanges/${id}`);
    return status === 200 ? (json as unknown as Shown) : undefined;
  });
}

test('searches of an answer are charge lines where they have a price, and quarantine where they have none', async () => {
  answer = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text: 'found' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 1_000, output_tokens: 100, server_tool_use: { web_search_requests: 2 } },
  };

  const priced = await shown(await ask('searching', '/v1/messages'));
  // 1,000 × 3 + 100 × 15 per 10⁶, and 2 × 10 per 1,000; bought at 2, 10 and 9.
  assert.equal(priced.sell?.amount, '0.0245');
  assert.equal(priced.attempts[0]?.buy?.amount, '0.021');
  assert.deepEqual(priced.reading?.counts, { 'tool.webSearch': 2 });

  const unpriced = await shown(await ask('plain', '/v1/messages'));
  assert.equal(unpriced.status, 'quarantined');
  assert.equal(unpriced.sell, null);
  assert.match(unpriced.reading?.quarantine ?? '', /^no rate for tool\.webSearch in /);
});

test('what a provider says it cost is shown beside our own rating and booked as a difference by command', async () => {
  answer = {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100, cost_in_usd_ticks: 31_000_000 },
  };

  const id = await ask('priced', '/v1/chat/completions');
  const exchange = await shown(id);
  assert.equal(exchange.attempts[0]?.buy?.amount, '0.003');
  assert.deepEqual(exchange.attempts[0].providerCost, { amount: '0.0031', currency: 'USD', difference: '0.0001' });
  const from = new Date(Date.now() - 3_600_000).toISOString();
  const to = new Date(Date.now() + 60_000).toISOString();
  const first = await carrier.command('usage-events', 'true-up', '--from', from, '--to', to);
  assert.match(first.stdout, /^Booked 1 figures; 0 cannot be compared\.$/m);
  const second = await carrier.command('usage-events', 'true-up', '--from', from, '--to', to);
  assert.match(second.stdout, /^Booked 0 figures/m);

  const invoice = {
    ...event('invoice:1', {}, now()),
    type: 'ai.gateway.true-up.v1',
    data: { exchange: id, attempt: 1, cost: { amount: '0.00305', currency: 'USD' }, origin: 'invoice' },
  };
  const { json } = await carrier.api('POST', '/api/v1/usage-events', invoice);
  const [booked] = (json as { items: readonly { outcome: string; cost: object }[] }).items;
  assert.deepEqual(booked?.cost, { before: '0.0031', now: '0.00305', difference: '-0.00005', currency: 'USD' });
});
