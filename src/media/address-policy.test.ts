import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressPolicy } from './address-policy.ts';

const policy = new AddressPolicy();

/** First, last and a middle address of what is not public, with its neighbours that are. */
const refused: readonly (readonly [address: string, what: string])[] = [
  ['0.0.0.0', 'this host'],
  ['0.255.255.255', 'this network'],
  ['10.0.0.0', 'private'],
  ['10.255.255.255', 'private'],
  ['100.64.0.0', 'shared by carriers'],
  ['100.100.100.200', 'metadata of a cloud, shared by carriers'],
  ['100.127.255.255', 'shared by carriers'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['168.63.129.16', 'control plane of a cloud'],
  ['169.254.0.0', 'link-local'],
  ['169.254.169.254', 'metadata of clouds'],
  ['169.254.255.255', 'link-local'],
  ['172.16.0.0', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.192', 'metadata of a cloud'],
  ['192.0.2.1', 'documentation'],
  ['192.88.99.1', 'relay anycast'],
  ['192.168.0.0', 'private'],
  ['192.168.255.255', 'private'],
  ['198.18.0.1', 'benchmarks'],
  ['198.19.255.255', 'benchmarks'],
  ['198.51.100.7', 'documentation'],
  ['203.0.113.7', 'documentation'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::127.0.0.1', 'compatible with version 4'],
  ['::ffff:127.0.0.1', 'mapped'],
  ['::ffff:10.0.0.1', 'mapped'],
  ['::ffff:8.8.8.8', 'mapped, even of a public one'],
  ['::ffff:0:8.8.8.8', 'translated'],
  ['64:ff9b::7f00:1', 'NAT64'],
  ['64:ff9b::808:808', 'NAT64, even of a public one'],
  ['64:ff9b:1::1', 'NAT64 of a site'],
  ['100::1', 'discard'],
  ['2001::1', 'Teredo'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'Teredo'],
  ['2001:10::1', 'ORCHID'],
  ['2001:20::1', 'ORCHID'],
  ['2001:db8::1', 'documentation'],
  ['2002:7f00:1::', '6to4 of loopback'],
  ['2002:808:808::1', '6to4'],
  ['3fff::1', 'documentation'],
  ['4000::1', 'not given out'],
  ['5f00::1', 'segment routing'],
  ['fc00::1', 'unique local'],
  ['fd00:ec2::254', 'metadata of a cloud, unique local'],
  ['fdff:ffff::1', 'unique local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local with a scope'],
  ['2606:4700::1111%eth0', 'a scope'],
  ['fec0::1', 'site-local'],
  ['ff02::1', 'multicast'],
  ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'multicast'],
  ['', 'nothing'],
  ['localhost', 'a name'],
  ['127.1', 'a short form'],
  ['2130706433', 'a number'],
  ['0x7f.0.0.1', 'a hexadecimal form'],
  ['0177.0.0.1', 'an octal form'],
  ['8.8.8.8.', 'a dot at the end'],
  ['[::1]', 'brackets'],
];

for (const [address, what] of refused) {
  test(`${address === '' ? '(empty)' : address} may not be asked: ${what}`, () => {
    assert.equal(policy.judge(address), undefined);
  });
}

const asked = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '168.63.129.17',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2001:200::1',
  '2001:4860:4860::8888',
  '2003::1',
  '2606:4700:4700::1111',
  '2a00:1450:4001::1',
  '3ffe:ffff::1',
];

for (const address of asked) {
  test(`${address} is public`, () => {
    assert.equal(policy.judge(address), 'public');
  });
}

test('what the operator names may be asked, and nothing beside it', () => {
  const own = new AddressPolicy(['127.0.0.1/32', '10.1.0.0/16', 'fd00:1::/32']);

  assert.equal(own.judge('127.0.0.1'), 'allowed');
  assert.equal(own.judge('127.0.0.2'), undefined);
  assert.equal(own.judge('10.1.255.255'), 'allowed');
  assert.equal(own.judge('10.2.0.0'), undefined);
  assert.equal(own.judge('fd00:1::9'), 'allowed');
  assert.equal(own.judge('fd00:2::9'), undefined);
  assert.equal(own.judge('8.8.8.8'), 'public');
});

test('an address of private networks is refused in every one of them', () => {
  const inside = fc.oneof(
    fc.tuple(fc.constant(10), fc.nat(255), fc.nat(255), fc.nat(255)),
    fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), fc.nat(255), fc.nat(255)),
    fc.tuple(fc.constant(192), fc.constant(168), fc.nat(255), fc.nat(255)),
    fc.tuple(fc.constant(127), fc.nat(255), fc.nat(255), fc.nat(255)),
    fc.tuple(fc.constant(169), fc.constant(254), fc.nat(255), fc.nat(255)),
    fc.tuple(fc.integer({ min: 224, max: 255 }), fc.nat(255), fc.nat(255), fc.nat(255)),
  );
  fc.assert(
    fc.property(inside, bytes => {
      const address = bytes.join('.');
      assert.equal(policy.judge(address), undefined);
      assert.equal(policy.judge(`::ffff:${address}`), undefined);
      const [a, b, c, d] = bytes.map(byte => byte.toString(16).padStart(2, '0'));
      assert.equal(policy.judge(`64:ff9b::${a}${b}:${c}${d}`), undefined);
      assert.equal(policy.judge(`2002:${a}${b}:${c}${d}::1`), undefined);
    }),
  );
});

test('of version 6 nothing outside global unicast is public', () => {
  const group = fc.nat(0xffff).map(value => value.toString(16));
  const outside = fc.oneof(fc.integer({ min: 0, max: 0x1fff }), fc.integer({ min: 0x4000, max: 0xffff }));
  fc.assert(
    fc.property(outside, fc.array(group, { minLength: 7, maxLength: 7 }), (first, rest) => {
      assert.equal(policy.judge([first.toString(16), ...rest].join(':')), undefined);
    }),
  );
});
