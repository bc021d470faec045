import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { connect, type Store } from '../../src/store/connect.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';

const key = 'acme-secret-acme-secret-acme-secret-0';
const yaml = `
providers:
  chat: { dialect: openai-chat, baseUrl: "http://127.0.0.1:9/v1", credential: env:PLANT_KEY }
deployments:
  chat-1: { provider: chat, model: acme/chat }
prices:
  sell: { currency: USD, rates: { acme/chat: { input: "1", output: "4" }, carrier/storage: { storage: { amount: "0.000032", per: 1000000000 } } } }
  buy: { currency: USD, rates: { acme/chat: { input: "1", output: "4" }, carrier/storage: { storage: { amount: "0.00002", per: 1000000000 } } } }
organisations:
  acme: { terms: prepaid, projects: { web: { keys: { ci: { secret: env:ACME_KEY } } } } }
  other: { projects: { app: { keys: {} } } }
`;

let carrier: Carrier;
let store: Store;
let directory: string;

before(async () => {
  carrier = await startCarrier({ yaml, env: { PLANT_KEY: 'plant', ACME_KEY: key } });
  store = connect(carrier.databaseUrl!);
  directory = mkdtempSync(join(tmpdir(), 'carrier-bad-money-'));
  // Something that bad input could damage.
  const granted = await carrier.api('POST', '/api/v1/wallets/acme/grants', {
    id: 'first',
    amount: '25',
    expiresAt: '2100-01-01',
  });
  assert.equal(granted.status, 201, granted.text);
  const booked = await carrier.api('POST', '/api/v1/ledger/transfers', transfer({ id: 'payment-1' }));
  assert.equal(booked.json.results[0].outcome, 'booked');
  const told = await carrier.api('POST', '/api/v1/usage-events', usage({}, { id: 'disk-1' }));
  assert.equal(told.json.items[0].outcome, 'accepted');
});
after(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

interface Wrong {
  readonly what: string;
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  /** Text is sent as it is. */
  readonly body?: unknown;
  readonly type?: string;
  readonly status?: number;
  /** `configuration_invalid` unless said. */
  readonly fault?: string;
  /** Of the first problem, with the start of what it says. */
  readonly says?: readonly [path: string, message: string];
}

const usage = (data: object, event: object = {}) => ({
  specversion: '1.0',
  id: 'bad',
  source: '/meters',
  type: 'ai.gateway.usage.v1',
  time: new Date().toISOString(),
  data: { organisation: 'acme', meter: 'storage', product: 'carrier/storage', quantity: 5, ...data },
  ...event,
});
const figure = (data: object) =>
  usage(
    {},
    {
      type: 'ai.gateway.true-up.v1',
      data: { exchange: 'ex_none', attempt: 1, cost: { amount: '1', currency: 'USD' }, origin: 'invoice', ...data },
    },
  );
const quantity = (text: string) => JSON.stringify(usage({ quantity: 'HERE' })).replace('"HERE"', text);
const transfer = (more: object) => ({
  transfers: [
    { id: 'bad', kind: 'payment', debit: 'cash', credit: 'receivable:acme', amount: '1', currency: 'USD', ...more },
  ],
});
const rate = (text: string) => `{ currency: USD, rates: { acme/chat: { input: ${text}, output: "1" } } }`;
const tiers = (...all: string[]) =>
  `{ currency: USD, rates: { acme/chat: { input: "1", output: "1", tiers: [ ${all.map(text => `{ measure: inputTotal, ${text}, rates: { input: "1", output: "1" } }`).join(', ')} ] } } }`;
const unit = (text: string) => `{ currency: USD, rates: { carrier/disk: { storage: ${text} } } }`;
const from = (text: string) => `{ currency: USD, from: ${text}, rates: { acme/chat: { input: "2", output: "1" } } }`;
const row = (at: string, input: string) => `{ from: ${at}, rates: { acme/chat: { input: "${input}", output: "1" } } }`;
const inBook = 'prices.sell.rates.acme/chat';
const wholeFile = 'prices.sell.rates';

const prices = (what: string, book: string, says: readonly [string, string]): Wrong => ({
  what,
  path: '/api/v1/prices/publish',
  body: { file: `prices: { sell: ${book} }` },
  says,
});
const contract = (what: string, text: string, says: readonly [string, string]): Wrong => ({
  what,
  path: '/api/v1/prices/publish',
  body: { file: `prices: { contracts: ${text} }` },
  says,
});
const decimal = 'must be a decimal such as "1.25", with at most 12 decimals';
const text = 'must be a decimal string such as "1.25"';

const wrongPrices: readonly Wrong[] = [
  prices('a negative rate', rate('"-1"'), [`${inBook}.input`, decimal]),
  prices('a rate with an exponent', rate('"1e3"'), [`${inBook}.input`, decimal]),
  prices('a rate that is a number', rate('0.1'), [`${inBook}.input`, text]),
  prices('a rate that is no number', rate('.nan'), [`${inBook}.input`, text]),
  prices('a rate that is infinite', rate('.inf'), [`${inBook}.input`, text]),
  prices('a rate of thirteen decimals', rate('"0.0000000000001"'), [`${inBook}.input`, decimal]),
  prices('a rate of 10³⁸', rate(`"1${'0'.repeat(38)}"`), [`${inBook}.input`, decimal]),
  prices('a rate with a comma', rate('"1,25"'), [`${inBook}.input`, decimal]),
  prices('a rate with a currency sign', rate('"$1"'), [`${inBook}.input`, decimal]),
  prices('an empty rate', rate('""'), [`${inBook}.input`, decimal]),
  prices('a currency that there is not', '{ currency: XYZ, rates: {} }', [
    'prices.sell.currency',
    'must be an ISO 4217 code',
  ]),
  prices('a currency in small letters', '{ currency: usd, rates: {} }', [
    'prices.sell.currency',
    'must be an ISO 4217 code',
  ]),
  prices('another currency than the book has', '{ currency: EUR, rates: {} }', [
    'prices.sell.currency',
    'the book is in USD',
  ]),
  prices('a model without a vendor', '{ currency: USD, rates: { chat: { input: "1", output: "1" } } }', [
    `${wholeFile}.chat`,
    'there is no deployment',
  ]),
  prices('a misspelt meter', '{ currency: USD, rates: { acme/chat: { inptu: "1" } } }', [
    `${inBook}.inptu`,
    'no setting has this name',
  ]),
  prices('a tool whose name is no word', '{ currency: USD, rates: { acme/chat: { tool.Web-Search: "1" } } }', [
    `${inBook}.tool.Web-Search`,
    'the name must be letters',
  ]),
  prices('a price for no units', unit('{ amount: "1", per: 0 }'), [
    'prices.sell.rates.carrier/disk.storage.per',
    'too small',
  ]),
  prices('a price for a negative number of units', unit('{ amount: "1", per: -5 }'), [
    'prices.sell.rates.carrier/disk.storage.per',
    'too small',
  ]),
  prices('a price for 2⁵³+1 units', unit('{ amount: "1", per: 9007199254740993 }'), [
    'prices.sell.rates.carrier/disk.storage.per',
    'too big',
  ]),
  prices('a price for half a unit', unit('{ amount: "1", per: 0.5 }'), [
    'prices.sell.rates.carrier/disk.storage.per',
    'invalid input: expected int',
  ]),
  prices('less than nothing that is free', unit('{ amount: "1", per: 1, free: -1 }'), [
    'prices.sell.rates.carrier/disk.storage.free',
    'must be a whole number of units',
  ]),
  prices('2⁵³+1 units that are free, as a number', unit('{ amount: "1", per: 1, free: 9007199254740993 }'), [
    'prices.sell.rates.carrier/disk.storage.free',
    'must be a whole number of units, in quotes',
  ]),
  prices('a step from the first unit on', unit('{ amount: "1", per: 1, volume: [ { from: 1, amount: "1" } ] }'), [
    'prices.sell.rates.carrier/disk.storage.volume.0.from',
    'must be above 1',
  ]),
  prices(
    'two steps above one number',
    unit('{ amount: "1", per: 1, volume: [ { above: 5, amount: "2" }, { from: 6, amount: "1" } ] }'),
    ['prices.sell.rates.carrier/disk.storage', 'storage has two steps above 5'],
  ),
  prices(
    'a free part of tokens',
    '{ currency: USD, rates: { acme/chat: { input: { amount: "1", per: 1000000, free: 1 }, output: "1" } } }',
    [`${inBook}.input`, 'input is not priced by the sum of a month'],
  ),
  prices('a tier of half a token', tiers('op: gt, size: 1.5'), [
    `${inBook}.tiers.0.size`,
    'invalid input: expected int',
  ]),
  prices('a tier of less than nothing', tiers('op: gt, size: -1'), [`${inBook}.tiers.0.size`, 'too small']),
  prices('a tier of another comparison', tiers('op: lt, size: 1'), [`${inBook}.tiers.0.op`, 'invalid option']),
  prices('a tier that is there twice', tiers('op: gt, size: 1', 'op: gt, size: 1'), [
    `${inBook}.tiers.1`,
    'is there twice',
  ]),
  prices('prices that began', from('2020-01-01T00:00:00Z'), [inBook, '2020-01-01T00:00:00.000Z has passed']),
  prices('prices since the year 0', from('"0000-01-01T00:00:00Z"'), [inBook, '0000-01-01T00:00:00.000Z has passed']),
  prices('prices from the thirtieth of February', from('"2098-02-30T00:00:00Z"'), [
    'prices.sell.from',
    'must be an instant',
  ]),
  prices('prices from a leap day of no leap year', from('2099-02-29T00:00:00Z'), [
    'prices.sell.from',
    'must be an instant',
  ]),
  prices('prices from an hour without a zone', from('"2098-01-01T00:00:00"'), [
    'prices.sell.from',
    'must be an instant',
  ]),
  prices(
    'two prices that begin at once',
    `{ currency: USD, rates: {}, scheduled: [ ${row('2098-01-01T00:00:00Z', '1')}, ${row('2098-01-01T00:00:00Z', '2')} ] }`,
    ['prices.sell.scheduled.1.from', 'is there twice'],
  ),
  prices(
    'a scheduled price of the past',
    `{ currency: USD, rates: {}, scheduled: [ ${row('2020-01-01T00:00:00Z', '1')} ] }`,
    ['prices.sell.scheduled.0.rates.acme/chat', '2020-01-01T00:00:00.000Z has passed'],
  ),
  prices('a markup of nothing', '{ currency: USD, markup: "0" }', ['prices.sell.markup', 'must be above 0']),
  prices('a markup that is no number', '{ currency: USD, markup: "NaN" }', ['prices.sell.markup', 'must be a decimal']),
  prices('a markup of 10¹²', '{ currency: USD, markup: "1000000000000" }', ['prices.sell.markup', 'must be a decimal']),
  contract('a contract of nobody', '{ nobody: { discount: "0.1" } }', [
    'prices.contracts.nobody',
    'there is no organisation nobody',
  ]),
  contract('a discount above everything', '{ acme: { discount: "1.5" } }', [
    'prices.contracts.acme.discount',
    'must be a part such as "0.1"',
  ]),
  contract('a negative discount', '{ acme: { discount: "-0.1" } }', [
    'prices.contracts.acme.discount',
    'must be a part such as "0.1"',
  ]),
  contract('a discount in percent', '{ acme: { discount: "10%" } }', [
    'prices.contracts.acme.discount',
    'must be a part such as "0.1"',
  ]),
  {
    what: 'a file of more than prices',
    path: '/api/v1/prices/publish',
    body: { file: 'providers: { x: { dialect: openai-chat, baseUrl: "http://x" } }' },
    says: ['providers', 'is no part of prices'],
  },
  { what: 'an empty file', path: '/api/v1/prices/publish', body: { file: '' }, says: ['', 'the file says nothing'] },
  {
    what: 'a file with a NUL',
    path: '/api/v1/prices/publish',
    body: { file: 'prices: "\0"' },
    says: ['body.file', 'holds a NUL'],
  },
  { what: 'a file that is no YAML', path: '/api/v1/prices/publish', body: { file: '{{{' }, says: ['', 'Flow map'] },
  {
    what: 'a file that is a number',
    path: '/api/v1/prices/publish',
    body: { file: 5 },
    says: ['body.file', 'Invalid input: expected string'],
  },
  { what: 'half a body', path: '/api/v1/prices/publish', body: '{"file":', fault: 'json_malformed' },
  {
    what: 'a form instead of JSON',
    path: '/api/v1/prices/publish',
    body: 'file=1',
    type: 'application/x-www-form-urlencoded',
    status: 415,
    fault: 'media_type_unsupported',
  },
  {
    what: 'facts of a review that there is not',
    path: '/api/v1/prices/facts/import',
    body: { file: 'x' },
    says: ['body.file', 'nothing has this name'],
  },
];

const quotes = (what: string, body: unknown, says?: readonly [string, string], status = 400): Wrong => ({
  what: `a quote for ${what}`,
  path: '/api/v1/prices/quote',
  body,
  status,
  ...(says === undefined ? { fault: 'resource_not_found' } : { says }),
});
const wrongQuotes: readonly Wrong[] = [
  quotes('less than nothing', { deployment: 'chat-1', usage: { input: -1 } }, ['body.usage.input', 'Too small']),
  quotes('half a token', { deployment: 'chat-1', usage: { input: 1.5 } }, [
    'body.usage.input',
    'Invalid input: expected int',
  ]),
  quotes('2⁵³+1 tokens', '{"deployment":"chat-1","usage":{"input":9007199254740993}}', ['body.usage.input', 'Too big']),
  quotes('a misspelt meter', { deployment: 'chat-1', usage: { inptu: 1 } }, ['body.usage.inptu', 'Invalid key']),
  quotes('the thirtieth of February', { deployment: 'chat-1', usage: { input: 1 }, at: '2026-02-30T00:00:00Z' }, [
    'body.at',
    'Invalid ISO datetime',
  ]),
  quotes('no such deployment', { deployment: 'nothing', usage: { input: 1 } }, undefined, 404),
  quotes('no such organisation', { deployment: 'chat-1', usage: { input: 1 }, organisation: 'nobody' }, undefined, 404),
];

const grants = (what: string, body: unknown, says: readonly [string, string]): Wrong => ({
  what: `a grant ${what}`,
  path: '/api/v1/wallets/acme/grants',
  body: typeof body === 'string' ? body : { id: 'bad', amount: '1', ...(body as object) },
  says,
});
const wrongGrants: readonly Wrong[] = [
  grants('of less than nothing', { amount: '-1' }, ['body.amount', 'must be a decimal string']),
  grants('of nothing', { amount: '0.000' }, ['body.amount', 'must be above zero']),
  grants('that is a number', { amount: 1 }, ['body.amount', 'Invalid input: expected string']),
  grants('with an exponent', { amount: '1e3' }, ['body.amount', 'must be a decimal string']),
  grants('of nineteen decimals', { amount: '0.0000000000000000001' }, ['body.amount', 'must be a decimal string']),
  grants('of 10³⁸', { amount: `1${'0'.repeat(38)}` }, ['body.amount', 'must be a decimal string']),
  grants('in no currency', { currency: 'XYZ' }, ['body.currency', 'must be an ISO 4217 code']),
  grants('whose id is SQL', { id: "x'; drop table wallet_grant; --" }, ['body.id', 'must be 1 to 64 letters']),
  grants('whose id is a path', { id: '../../etc' }, ['body.id', 'must be 1 to 64 letters']),
  grants('from the year 0 to the year 9999', { effectiveAt: '0000-01-01', expiresAt: '9999-12-31' }, [
    'body.effectiveAt',
    'there is no such instant',
  ]),
  grants('to the year 9999', { expiresAt: '9999-12-31' }, [
    'body.expiresAt',
    'must lie between the years 2000 and 2199',
  ]),
  grants('from a day that there is not', { effectiveAt: '2027-02-29T00:00:00Z' }, [
    'body.effectiveAt',
    'there is no such instant',
  ]),
  grants('with half a priority', { priority: 1.5 }, ['body.priority', 'Invalid input: expected int']),
  grants('of a priority above every number', { priority: 2 ** 60 }, ['body.priority', 'Too big']),
  grants('for no models', { scope: { models: [] } }, ['body.scope.models', 'Too small']),
  grants('for a meter that there is not', { scope: { meters: ['ouput'] } }, [
    'body.scope.meters',
    'names a meter that there is not',
  ]),
  grants('whose source has a NUL', { source: 'a\0b' }, ['body.source', 'holds a NUL']),
  grants('whose source is half a pair', { source: '\ud800' }, ['body.source', 'holds a NUL or half']),
  grants('with a misspelt field', { amuont: '2' }, ['body.amuont', 'nothing has this name']),
  {
    what: 'a grant that has expired',
    path: '/api/v1/wallets/acme/grants',
    body: { id: 'bad', amount: '1', expiresAt: '2020-01-01' },
    fault: 'grant_expired',
  },
  {
    what: 'a grant that ends before it begins',
    path: '/api/v1/wallets/acme/grants',
    body: { id: 'bad', amount: '1', effectiveAt: '2098-01-02', expiresAt: '2098-01-01' },
    fault: 'grant_expired',
  },
  {
    what: 'another grant under an id that is taken',
    path: '/api/v1/wallets/acme/grants',
    body: { id: 'first', amount: '26', expiresAt: '2100-01-01' },
    status: 409,
    fault: 'grant_conflict',
  },
  {
    what: 'a grant to nobody',
    path: '/api/v1/wallets/nobody/grants',
    body: { id: 'bad', amount: '1' },
    status: 404,
    fault: 'resource_not_found',
  },
  {
    what: 'a grant to SQL',
    path: "/api/v1/wallets/'%20or%201=1--/grants",
    body: { id: 'bad', amount: '1' },
    status: 404,
    fault: 'resource_not_found',
  },
  {
    what: 'a grant to a NUL',
    path: '/api/v1/wallets/a%00b/grants',
    body: { id: 'bad', amount: '1' },
    status: 404,
    fault: 'resource_not_found',
  },
  {
    what: 'a list of grants of which one is to nobody',
    path: '/api/v1/grants',
    body: {
      grants: [
        { organisation: 'acme', id: 'good', amount: '1' },
        { organisation: 'nobody', id: 'bad', amount: '1' },
      ],
    },
    says: ['body.grants.1.organisation', 'there is no organisation nobody'],
  },
  {
    what: 'a list of grants that says one id in two ways',
    path: '/api/v1/grants',
    body: {
      grants: [
        { organisation: 'acme', id: 'twice', amount: '1' },
        { organisation: 'acme', id: 'twice', amount: '2' },
      ],
    },
    status: 409,
    fault: 'grant_conflict',
  },
  { what: 'an empty list of grants', path: '/api/v1/grants', body: { grants: [] }, says: ['body.grants', 'Too small'] },
  {
    what: 'the end of somebody else’s grant',
    path: '/api/v1/grants/other%2Ffirst/void',
    body: {},
    status: 404,
    fault: 'resource_not_found',
  },
];

const events = (what: string, body: unknown, says: readonly [string, string]): Wrong => ({
  what: `usage ${what}`,
  path: '/api/v1/usage-events',
  body,
  says,
});
const wholeNumber = 'must be a whole number from 0 to 9007199254740991';
const wrongEvents: readonly Wrong[] = [
  events('of 2⁵³+1', quantity('9007199254740993'), ['body.data.quantity', wholeNumber]),
  events('of 10³⁸', quantity(`1${'0'.repeat(38)}`), ['body.data.quantity', wholeNumber]),
  events('of 10⁴⁰⁰', quantity('1e400'), ['body.data.quantity', wholeNumber]),
  events('of one and a half', quantity('1.5'), ['body.data.quantity', wholeNumber]),
  events('of less than nothing', quantity('-5'), ['body.data.quantity', wholeNumber]),
  events('that is text', quantity('"5"'), ['body.data.quantity', wholeNumber]),
  events('that is nothing', quantity('null'), ['body.data.quantity', wholeNumber]),
  events('of nobody', usage({ organisation: 'nobody' }), ['body.data.organisation', 'there is no such organisation']),
  events('of somebody else’s project', usage({ project: 'other/app' }), [
    'body.data.project',
    'must be organisation/project of that organisation',
  ]),
  events('of no meter', usage({ meter: 'nothing' }), ['body.data.meter', 'is not a meter']),
  events('of a meter of exchanges', usage({ meter: 'input' }), ['body.data.meter', 'is metered in exchanges']),
  events('of a product that is SQL', usage({ product: "x'; drop table usage_event" }), [
    'body.data.product',
    'must be 1 to 200 visible characters',
  ]),
  events('of the year 0', usage({}, { time: '0000-01-01T00:00:00Z' }), ['body.time', 'is more than 35 days ago']),
  events('of the year 9999', usage({}, { time: '9999-12-31T00:00:00Z' }), [
    'body.time',
    'is more than 5 minutes ahead',
  ]),
  events('of a day that there is not', usage({}, { time: '2026-11-31T00:00:00Z' }), [
    'body.time',
    'must be an instant',
  ]),
  events('whose id has a NUL', usage({}, { id: 'a\0' }), ['body.id', 'holds a NUL']),
  events('whose id is too long', usage({}, { id: 'a'.repeat(5_000) }), [
    'body.id',
    'must be 1 to 200 visible characters',
  ]),
  events(
    'in a list of too many',
    Array.from({ length: 1_001 }, (_, i) => usage({}, { id: `l${i}` })),
    ['body', 'holds 1001 events; at most 1000 at once'],
  ),
  events(
    'in a list of which one is wrong',
    [usage({}, { id: 'good' }), usage({ quantity: -1 })],
    ['body.1.data.quantity', wholeNumber],
  ),
  events('in an empty list', [], ['body', 'holds no event']),
  events('that trues up no exchange', figure({}), ['body.data.exchange', 'no exchange of this id is kept']),
  events('that trues up less than nothing', figure({ cost: { amount: '-1', currency: 'USD' } }), [
    'body.data.cost.amount',
    'must be a decimal string',
  ]),
  events('that trues up no attempt', figure({ attempt: 0 }), ['body.data.attempt', 'must be 1 or more']),
  { what: 'usage that is NaN', path: '/api/v1/usage-events', body: quantity('NaN'), fault: 'json_malformed' },
  {
    what: 'usage as plain text',
    path: '/api/v1/usage-events',
    body: JSON.stringify(usage({})),
    type: 'text/plain',
    status: 415,
    fault: 'media_type_unsupported',
  },
  {
    what: 'a hundred thousand brackets',
    path: '/api/v1/usage-events',
    body: '['.repeat(100_000),
    fault: 'json_malformed',
  },
  {
    what: 'a hundred thousand nested lists with a NUL',
    path: '/api/v1/usage-events',
    body: `${'['.repeat(5_000)}"\\u0000"${']'.repeat(5_000)}`,
    fault: 'configuration_invalid',
  },
];

const transfers = (what: string, more: object, says: readonly [string, string]): Wrong => ({
  what: `a transfer ${what}`,
  path: '/api/v1/ledger/transfers',
  body: transfer(more),
  says: [`body.transfers${says[0]}`, says[1]],
});
const wrongTransfers: readonly Wrong[] = [
  {
    what: 'a transfer that says its amount twice',
    path: '/api/v1/ledger/transfers',
    body: JSON.stringify(transfer({})).replace('"amount":"1"', '"amount":"1","amount":"100"'),
    says: ['body.transfers.0.amount', 'is said twice'],
  },
  {
    what: 'two lists of transfers',
    path: '/api/v1/ledger/transfers',
    body: JSON.stringify(transfer({})).replace('{', '{"transfers":[],'),
    says: ['body.transfers', 'is said twice'],
  },
  transfers('of less than nothing', { amount: '-1' }, ['[0].amount', 'not a decimal amount']),
  transfers('of nothing', { amount: '0' }, ['[0].amount', 'must be above zero']),
  transfers('that is a number', { amount: 1 }, ['.0.amount', 'Invalid input: expected string']),
  transfers('with an exponent', { amount: '1e3' }, ['[0].amount', 'not a decimal amount']),
  transfers('of nineteen decimals', { amount: '0.0000000000000000001' }, ['[0].amount', 'more than 18 decimals']),
  transfers('of 10³⁸', { amount: `1${'0'.repeat(38)}` }, ['[0].amount', 'not a decimal amount']),
  transfers('in no currency', { currency: 'XYZ' }, ['.0.currency', 'must be an ISO 4217 code']),
  transfers('to itself', { credit: 'cash' }, ['[0].credit', 'is the account it comes from']),
  transfers('to no account', { credit: 'petty:acme' }, ['[0].credit', 'is not an account of the chart']),
  transfers('to nobody', { credit: 'receivable:nobody' }, ['[0].credit', 'there is no organisation nobody']),
  transfers('to a wallet', { credit: 'wallet:acme:first' }, ['[0].credit', 'is moved by grants']),
  transfers('between ledgers', { credit: 'hold:acme' }, ['[0].credit', 'is on another ledger']),
  transfers('without an id', { id: '' }, ['[0].id', 'must be 1 to 200 visible characters']),
  transfers('with the id of an exchange', { id: 'ex_01/1/sell' }, ['[0].id', 'ex_ begins the ids of exchanges']),
  transfers('whose kind is SQL', { kind: "a'; drop table transfer" }, ['[0].kind', 'must be a word']),
  transfers('of the year 9999', { at: '9999-12-31T00:00:00Z' }, ['[0].at', 'is not an instant from 2000 to 2199']),
  transfers('of the year 0', { at: '0000-01-01T00:00:00Z' }, ['.0.at', 'there is no such instant']),
  transfers('that expires and is not pending', { expiresAt: '2098-01-01' }, [
    '[0].expiresAt',
    'only a pending transfer expires',
  ]),
  {
    what: 'a list of transfers of which one is wrong',
    path: '/api/v1/ledger/transfers',
    body: { transfers: [...transfer({ id: 'good' }).transfers, ...transfer({ amount: '0' }).transfers] },
    says: ['body.transfers[1].amount', 'must be above zero'],
  },
  {
    what: 'too many transfers',
    path: '/api/v1/ledger/transfers',
    body: { transfers: Array.from({ length: 1_001 }, (_, i) => transfer({ id: `n${i}` }).transfers[0]) },
    says: ['body.transfers', 'Too big'],
  },
  {
    what: 'posting what is not pending',
    path: '/api/v1/ledger/pending/nothing/post',
    body: {},
    status: 404,
    fault: 'resource_not_found',
  },
  { what: 'voiding SQL', path: "/api/v1/ledger/pending/'--/void", body: {}, status: 404, fault: 'resource_not_found' },
  {
    what: 'rating again from after to before',
    path: '/api/v1/ledger/rerate',
    body: { from: '2026-02-01', to: '2026-01-01', reason: 'r', run: 'r1' },
  },
  {
    what: 'rating again as nothing visible',
    path: '/api/v1/ledger/rerate',
    body: { from: '2026-01-01', to: '2027-01-01', reason: 'r', run: 'a b' },
    says: ['body.run', 'must be 1 to 100 visible'],
  },
  {
    what: 'rating a NUL again',
    path: '/api/v1/ledger/rerate',
    body: { from: '2026-01-01', to: '2027-01-01', reason: 'r', run: 'r1', organisation: 'a\0' },
    says: ['body.organisation', 'holds a NUL'],
  },
  {
    what: 'resolving a NUL',
    path: '/api/v1/ledger/quarantine/resolve',
    body: { ids: ['a\0'], reason: 'r' },
    says: ['body.ids.0', 'holds a NUL'],
  },
];

const asked = (
  path: string,
  says?: readonly [string, string],
  fault = 'configuration_invalid',
  status = 400,
): Wrong => ({
  what: decodeURIComponent(path).replaceAll('\0', '␀'),
  method: 'GET',
  path: `/api/v1/${path}`,
  fault,
  status,
  ...(says === undefined ? {} : { says }),
});
const wrongQuestions: readonly Wrong[] = [
  asked('ledger/accounts?to=2026-02-30', ['query.to', 'there is no such day']),
  asked('ledger/accounts?to=0000-00-00', ['query.to', 'there is no such day']),
  asked('ledger/accounts?account=%00', ['query.account', 'holds a NUL']),
  asked('ledger/accounts?limit=0', ['query.limit', 'Too small']),
  asked('ledger/accounts?limit=1e9', ['query.limit', 'Too big']),
  asked('ledger/accounts?limit=1&limit=2', ['query.limit', 'is said twice']),
  asked("ledger/accounts?after='%20or%201=1"),
  asked('ledger/trial-balance?to=2026-02-30', ['query.to', 'there is no such day']),
  asked('ledger/transfers?after=junk'),
  asked('ledger/transfers?reference=%00', ['query.reference', 'holds a NUL']),
  asked('ledger/quarantine?after=junk'),
  asked('ledger/pending?after=%00', ['query.after', 'holds a NUL']),
  asked('wallets?after=%00', ['query.after', 'holds a NUL']),
  asked('wallets/acme/grants?after=junk', ['query.after', '`after` is not a cursor']),
  asked('wallets/acme/statement?from=2020-01-01&to=2026-12-31', ['query.from', 'a statement is of at most 366 days']),
  asked('wallets/nobody', undefined, 'resource_not_found', 404),
  asked('reports/margin?by=nothing', ['query.by.0', 'must be one of']),
  asked('reports/margin?by=model,key,provider', undefined, 'report_invalid'),
  asked('reports/margin?by=model,model', undefined, 'report_invalid'),
  asked('reports/margin?from=2026-02-01&to=2026-01-01', undefined, 'report_invalid'),
  asked('reports/margin?from=0001-01-01&to=9999-12-31', undefined, 'report_invalid'),
  asked('reports/margin?after=junk', undefined, 'report_invalid'),
  asked('reports/margin?organisation=%00', ['query.organisation', 'holds a NUL']),
  asked('reports/margin.csv?model=%00', ['query.model', 'holds a NUL']),
  asked('usage?by=model&from=2026-02-30T00:00:00Z', ['query.from', 'there is no such instant']),
  asked('usage?by=model&from=2026-02-28T24:00:00Z', ['query.from', 'there is no such instant']),
  asked('usage-events?after=junk'),
  asked('usage-events/%00', undefined, 'resource_not_found', 404),
  asked('exchanges/%00', undefined, 'resource_not_found', 404),
];

suite('bad input about money is refused by name and changes nothing', () => {
  for (const [about, list] of Object.entries({
    prices: wrongPrices,
    quotes: wrongQuotes,
    wallets: wrongGrants,
    usage: wrongEvents,
    ledger: wrongTransfers,
    questions: wrongQuestions,
  })) {
    test(`of ${about}: ${list.length} kinds`, async () => {
      const untouched = await everything();
      for (const wrong of list) {
        const answer = await send(wrong);
        const { status = 400, fault = 'configuration_invalid', says, what } = wrong;
        assert.deepEqual([answer.status, answer.fault], [status, fault], `${what}: ${answer.text}`);
        if (says !== undefined) {
          const [first] = answer.errors;
          assert.deepEqual([first?.path, first?.message.slice(0, says[1].length)], says, what);
        }
        assert.deepEqual(await changedSince(untouched), [], what);
      }
    });
  }

  for (const { words, file, code, says } of [
    {
      words: ['prices', 'publish', '-f'],
      file: `prices: { sell: ${rate('"-1"')} }`,
      code: 4,
      says: /prices\.sell\.rates\.acme\/chat\.input: must be a decimal/,
    },
    {
      words: ['usage-events', 'send', '-f'],
      file: `${JSON.stringify(usage({}, { id: 'good' }))}\n{"half":`,
      code: 2,
      says: /Line 2 is not JSON/,
    },
    {
      words: ['usage-events', 'send', '-f'],
      file: JSON.stringify(usage({ quantity: 1.5 })),
      code: 4,
      says: /data\.quantity: must be a whole number/,
    },
    {
      words: ['wallets', 'grant', 'nobody', '--id', 'x', '--amount', '1'],
      code: 4,
      says: /There is no organisation nobody/,
    },
    {
      words: ['wallets', 'grant', 'acme', '--id', 'x', '--amount', '1e3'],
      code: 4,
      says: /amount: must be a decimal string/,
    },
    { words: ['ledger', 'balance', 'unbilled:acme', '--to', '2026-02-30'], code: 4, says: /there is no such day/ },
    {
      words: ['ledger', 'rerate', '--from', '2026-02-01', '--to', '2026-01-01', '--run', 'r', '--reason', 'r'],
      code: 4,
      says: /`from` must lie before `to`/,
    },
    { words: ['reports', 'margin', '--by', 'nothing'], code: 4, says: /query\.by/ },
    { words: ['usage', '--by', 'nothing'], code: 2, says: /--by/ },
  ]) {
    test(`carrier ${words.join(' ')} ${file === undefined ? '' : file.slice(0, 30)}`, async () => {
      const untouched = await everything();
      const path = join(directory, 'wrong');
      writeFileSync(path, file ?? '');

      const answer = await carrier.command(...words, ...(file === undefined ? [] : [path]));

      assert.equal(answer.code, code, answer.stdout + answer.stderr);
      assert.match(answer.stderr, says);
      assert.deepEqual(await changedSince(untouched), []);
    });
  }

  test('after all of it nothing broke unnamed, and what was there works', async () => {
    assert.deepEqual(
      carrier.lines.filter(line => line.includes('"level":50')),
      [],
    );
    assert.equal((await carrier.command('ledger', 'check')).code, 0);
    // The log has what was refused as refused; what was asked and not refused is the grant, the payment and this check.
    const { rows } = await store.pool.query(
      `select action, (count(*) filter (where outcome = 'asked') - count(*) filter (where outcome = 'refused'))::int as done
         from audit_event where outcome <> 'done' group by 1 order by 1`,
    );
    assert.deepEqual(rows, [
      { action: 'ledger.write', done: 2 },
      { action: 'wallets.write', done: 1 },
    ]);
    const repeated = await carrier.api('POST', '/api/v1/ledger/transfers', transfer({ id: 'payment-1' }));
    assert.equal(repeated.json.results[0].outcome, 'exists');
  });

  test('a price for a thousand tokens is the same price for a million, exactly', async () => {
    const diff = await carrier.api('POST', '/api/v1/prices/diff', {
      file: `prices: { sell: ${rate('{ amount: "0.001000000001", per: 1000 }')} }`,
    });
    assert.equal(diff.json.changes[0].after, '1.000000001', diff.text);
  });
});

async function send({ method = 'POST', path, body, type = 'application/json' }: Wrong) {
  const response = await fetch(carrier.url + path, {
    method,
    headers: { authorization: `Bearer ${carrier.adminKey}`, ...(body === undefined ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const answered = await response.text();
  return {
    status: response.status,
    fault: response.headers.get('x-carrier-fault'),
    text: answered,
    errors: (JSON.parse(answered).errors ?? []) as { readonly path: string; readonly message: string }[],
  };
}

/** What a carrier writes by itself, at its own times. */
const ownTables =
  /^(job|balance|usage_(by|series|delta|customer|supply|part)|journal_|ledger_check|epoch_|lease|replica|budget_window|wallet_reserve|limit_|sealing_replica|notice|webhook_delivery)/;

/** The tables in which something changed. */
async function changedSince(before: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const now = await everything();
  return Object.keys(now).filter(name => now[name] !== before[name]);
}

/** A digest of every table that people and requests write to. Of the audit log, what was done: that something was refused is
 *  to be written there. */
async function everything(): Promise<Readonly<Record<string, string>>> {
  const { rows: tables } = await store.pool.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
  );
  const names = tables.map(({ name }) => name).filter(name => !ownTables.test(name));
  const rowsOf = (name: string) => (name === 'audit_event' ? `audit_event t where outcome = 'done'` : `"${name}" t`);
  const digestOf = (name: string) =>
    `(select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from ${rowsOf(name)})`;
  const { rows } = await store.pool.query<Record<string, string>>(
    `select ${names.map(name => `${digestOf(name)} as "${name}"`).join(', ')}`,
  );
  return rows[0]!;
}
