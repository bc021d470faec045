import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../completion/fault.ts';
import { readCarrierHeaders } from './carrier-headers.ts';

test('a request without our headers asks for nothing', () => {
  assert.deepEqual(readCarrierHeaders({ authorization: 'Bearer a', 'x-carrierless': '1' }), {
    strict: false,
    zones: undefined,
    deadlineMs: undefined,
    tags: undefined,
    policy: undefined,
    session: undefined,
    onFailure: undefined,
    emulate: undefined,
  });
});

test('each header is read into what it asks for', () => {
  const asked = readCarrierHeaders({
    'x-carrier-strict': '1',
    'x-carrier-zones': 'EU, US',
    'x-carrier-deadline-ms': '1500',
    'x-carrier-tags': 'team=search, run=a=b',
    'x-carrier-policy': 'cheapest',
    'x-carrier-session': 'chat 7',
    'x-carrier-emulate': 'status=429',
    'x-carrier-on-failure': 'restart',
  });

  assert.deepEqual(asked, {
    strict: true,
    zones: ['EU', 'US'],
    deadlineMs: 1500,
    tags: { team: 'search', run: 'a=b' },
    policy: 'cheapest',
    session: 'chat 7',
    emulate: 'status=429',
    onFailure: 'restart',
  });
});

const refused: readonly (readonly [name: string, value: string, code: string])[] = [
  ['x-carrier-strict', 'yes', 'header_invalid'],
  ['x-carrier-strict', '1, 1', 'header_invalid'],
  ['x-carrier-zones', '', 'header_invalid'],
  ['x-carrier-zones', 'EU,,US', 'header_invalid'],
  ['x-carrier-zones', Array.from({ length: 33 }, () => 'DE').join(), 'header_invalid'],
  ['x-carrier-deadline-ms', '0', 'header_invalid'],
  ['x-carrier-deadline-ms', '1.5', 'header_invalid'],
  ['x-carrier-deadline-ms', '86400001', 'header_invalid'],
  ['x-carrier-tags', 'a=b,a=c', 'header_invalid'],
  ['x-carrier-tags', '=b', 'header_invalid'],
  ['x-carrier-tags', `a=${'b'.repeat(129)}`, 'header_invalid'],
  ['x-carrier-tags', Array.from({ length: 17 }, (_, n) => `t${n}=1`).join(), 'header_invalid'],
  ['x-carrier-emulate', 'x'.repeat(1025), 'header_invalid'],
  ['x-carrier-on-failure', 'shrug', 'header_invalid'],
  ['x-carrier-on-failure', 'Restart', 'header_invalid'],
  ['x-carrier-policy', 'cheap', 'header_invalid'],
  ['x-carrier-session', '', 'header_invalid'],
  ['x-carrier-session', 'a'.repeat(257), 'header_invalid'],
  ['x-carrier-anything', 'a', 'header_invalid'],
];
for (const [name, value, code] of refused) {
  test(`${name}: ${value.slice(0, 20)} is refused as ${code}`, () => {
    assert.throws(
      () => readCarrierHeaders({ [name]: value }),
      error => error instanceof Fault && error.code === code,
    );
  });
}

test('a tag that is named like a part of every object is a tag like others', () => {
  const { tags } = readCarrierHeaders({ 'x-carrier-tags': 'constructor=a' });

  assert.deepEqual(Object.entries(tags ?? {}), [['constructor', 'a']]);
});
