import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventsMax, readEvents } from './read-events.ts';

const nowMs = Date.UTC(2026, 10, 20, 12);
const storage = {
  specversion: '1.0',
  id: 'disk-7:2026-11-20T11',
  source: '/storage/eu-1',
  type: 'ai.gateway.usage.v1',
  time: '2026-11-20T11:00:00Z',
  data: { organisation: 'acme', meter: 'storage', quantity: 512_000_000_000, product: 'carrier/storage' },
};
const trueUp = {
  specversion: '1.0',
  id: 'ex_1:1',
  source: '/exports/openai/2026-11-19',
  type: 'ai.gateway.true-up.v1',
  time: '2026-11-20T03:00:00Z',
  data: { exchange: 'ex_1', attempt: 1, cost: { amount: '0.0123', currency: 'USD' }, origin: 'export' },
};

function problemsOf(body: unknown): readonly string[] {
  const read = readEvents(body, nowMs);
  return 'problems' in read ? read.problems.map(({ path, message }) => `${path}: ${message}`) : [];
}

test('one event is read, what it does not say absent', () => {
  const read = readEvents({ ...storage, traceparent: '00-1', datacontenttype: 'application/json' }, nowMs);

  assert.ok('events' in read);
  const [event] = read.events;
  assert.equal(event?.type, 'usage');
  assert.deepEqual(event.usage, {
    source: '/storage/eu-1',
    id: 'disk-7:2026-11-20T11',
    atMs: Date.UTC(2026, 10, 20, 11),
    organisation: 'acme',
    project: undefined,
    key: undefined,
    meter: 'storage',
    quantity: 512_000_000_000,
    holders: 1,
    product: 'carrier/storage',
    deployment: undefined,
    provider: undefined,
    region: undefined,
    mode: 'sync',
  });
});

test('a figure for a cost is read exactly', () => {
  const read = readEvents([trueUp], nowMs);

  assert.ok('events' in read && read.events[0]?.type === 'true-up');
  assert.equal(read.events[0].trueUp.figureAtto, 12_300_000_000_000_000n);
  assert.equal(read.events[0].trueUp.attempt, 1);
});

const data = (change: object) => ({ ...storage, data: { ...storage.data, ...change } });
const quantity = 'data.quantity: must be a whole number from 0 to 9007199254740991';
const wrong: readonly (readonly [string, unknown, string])[] = [
  ['no event', [], ': holds no event'],
  ['a text', 'storage', ': must be an object'],
  ['another version', { ...storage, specversion: '0.3' }, 'specversion: must be "1.0"'],
  ['another type', { ...storage, type: 'x' }, 'type: must be "ai.gateway.usage.v1" or "ai.gateway.true-up.v1"'],
  ['no id', { ...storage, id: undefined }, 'id: is missing'],
  ['an empty id', { ...storage, id: '' }, 'id: must be 1 to 200 visible characters of ASCII'],
  ['an id of 201 letters', { ...storage, id: 'a'.repeat(201) }, 'id: must be 1 to 200 visible characters of ASCII'],
  ['no source', { ...storage, source: undefined }, 'source: is missing'],
  ['no time', { ...storage, time: undefined }, 'time: is missing'],
  ['a time that is none', { ...storage, time: 'now' }, 'time: must be an instant such as 2026-09-01T12:00:00Z'],
  ['a day', { ...storage, time: '2026-11-20' }, 'time: must be an instant such as 2026-09-01T12:00:00Z'],
  [
    '30 February',
    { ...storage, time: '2026-02-30T00:00:00Z' },
    'time: must be an instant such as 2026-09-01T12:00:00Z',
  ],
  ['36 days ago', { ...storage, time: '2026-10-15T00:00:00Z' }, 'time: is more than 35 days ago'],
  ['6 minutes ahead', { ...storage, time: '2026-11-20T12:06:00Z' }, 'time: is more than 5 minutes ahead'],
  ['no data', { ...storage, data: undefined }, 'data: is missing'],
  ['data as text', { ...storage, data: '{}' }, 'data: must be an object'],
  ['data in base64', { ...storage, data_base64: 'e30=' }, 'data_base64: data is JSON here'],
  ['data of another type', { ...storage, datacontenttype: 'text/xml' }, 'datacontenttype: must be application/json'],
  [
    'an attribute with a capital',
    { ...storage, Trace: 'x' },
    'Trace: is not an attribute of CloudEvents: lower-case letters and digits',
  ],
  ['an attribute that is an object', { ...storage, trace: {} }, 'trace: must be text, a number or a truth value'],
  ['a member that is not known', data({ amount: 3 }), 'data.amount: nothing has this name here'],
  ['no organisation', data({ organisation: undefined }), 'data.organisation: is missing'],
  ['no meter', data({ meter: undefined }), 'data.meter: is missing'],
  ['a meter that is none', data({ meter: 'disk' }), 'data.meter: is not a meter'],
  ['a meter that every object has', data({ meter: 'constructor' }), 'data.meter: is not a meter'],
  ['tokens', data({ meter: 'output' }), 'data.meter: is metered in exchanges, not told by events'],
  ['requests', data({ meter: 'request' }), 'data.meter: is metered in exchanges, not told by events'],
  ['no quantity', data({ quantity: undefined }), 'data.quantity: is missing'],
  ['a negative quantity', data({ quantity: -1 }), quantity],
  ['half a byte', data({ quantity: 0.5 }), quantity],
  ['NaN', data({ quantity: Number.NaN }), quantity],
  ['a quantity of 2⁵³ + 1', JSON.parse(JSON.stringify(storage).replace('512000000000', '9007199254740993')), quantity],
  ['a quantity as text', data({ quantity: '7' }), quantity],
  ['a quantity of null', data({ quantity: null }), quantity],
  ['no holders', data({ holders: 0 }), 'data.holders: must be 1 or more'],
  ['too many holders', data({ holders: 10_000_001 }), 'data.holders: must be a whole number from 0 to 10000000'],
  [
    'no product',
    data({ product: undefined }),
    'data.product: is missing: vendor/name as in the price book, or a deployment',
  ],
  ['a product and a deployment', data({ deployment: 'a' }), 'data.product: is said by the deployment'],
  ['a product without a vendor', data({ product: 'storage' }), 'data.product: must be vendor/name'],
  [
    'another project',
    data({ project: 'globex/web' }),
    'data.project: must be organisation/project of that organisation',
  ],
  ['a mode that is none', data({ mode: 'async' }), 'data.mode: must be "sync" or "batch"'],
  ['more than 16 kB', { ...storage, note: 'x'.repeat(16_384) }, ': is more than 16384 bytes of JSON'],
  ['no cost', { ...trueUp, data: { ...trueUp.data, cost: undefined } }, 'data.cost: is missing'],
  [
    'a cost as a number',
    { ...trueUp, data: { ...trueUp.data, cost: { amount: 0.1, currency: 'USD' } } },
    'data.cost.amount: must be a decimal string such as "0.0123", with at most 18 decimals',
  ],
  [
    'a negative cost',
    { ...trueUp, data: { ...trueUp.data, cost: { amount: '-1', currency: 'USD' } } },
    'data.cost.amount: must be a decimal string such as "0.0123", with at most 18 decimals',
  ],
  [
    'a currency that is none',
    { ...trueUp, data: { ...trueUp.data, cost: { amount: '1', currency: 'usd' } } },
    'data.cost.currency: must be an ISO 4217 code such as "USD"',
  ],
  ['attempt 0', { ...trueUp, data: { ...trueUp.data, attempt: 0 } }, 'data.attempt: must be 1 or more'],
  [
    'no origin',
    { ...trueUp, data: { ...trueUp.data, origin: undefined } },
    'data.origin: must be one of export, invoice, response',
  ],
];
for (const [name, body, problem] of wrong) {
  test(`${name} is refused with its path`, () => {
    assert.deepEqual(problemsOf(body), [problem]);
  });
}

test('the bounds of time are taken', () => {
  for (const time of ['2026-10-16T12:00:00Z', '2026-11-20T12:05:00Z', '2026-11-20T13:00:00.123456789+01:00']) {
    assert.deepEqual(problemsOf({ ...storage, time }), [], time);
  }
});

test('the bounds of a quantity are taken', () => {
  assert.deepEqual(problemsOf([data({ quantity: 0 }), data({ quantity: Number.MAX_SAFE_INTEGER })]), []);
});

test('everything that is wrong in a list is said, each with its place', () => {
  const list = [storage, data({ quantity: -1, meter: 'disk' }), { ...storage, id: '' }];

  assert.deepEqual(problemsOf(list), [
    '1.data.quantity: must be a whole number from 0 to 9007199254740991',
    '1.data.meter: is not a meter',
    '2.id: must be 1 to 200 visible characters of ASCII',
  ]);
});

test('a list of too many is refused, and so is one of both kinds', () => {
  assert.deepEqual(problemsOf(new Array(eventsMax + 1).fill(storage)), [': holds 1001 events; at most 1000 at once']);
  assert.deepEqual(problemsOf([storage, trueUp]), ['1.type: a list has usage or true-ups, not both']);
});

test('no JSON makes it throw, and what it reads is within its bounds', () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('storage', 'acme', 'carrier/storage', 7, '2026-11-20T11:00:00Z'),
  );
  const members = fc.constantFrom(...Object.keys(storage), ...Object.keys(storage.data));
  const event = fc
    .tuple(fc.dictionary(members, value), fc.dictionary(members, value))
    .map(([outer, inner]) => ({ ...storage, ...outer, data: { ...storage.data, ...inner } }));
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), event, fc.array(event, { maxLength: 3 })), body => {
      const read = readEvents(body, nowMs);
      if ('problems' in read) {
        assert.ok(read.problems.length > 0);
        return;
      }
      for (const each of read.events) {
        if (each.type !== 'usage') continue;
        assert.ok(Number.isSafeInteger(each.usage.quantity) && each.usage.quantity >= 0);
        assert.ok(each.usage.holders >= 1);
      }
    }),
  );
});
