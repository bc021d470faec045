import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guardFactory, isClientNetwork, isOriginPattern, plainNetwork } from './key-guard.ts';

test('networks are addresses of either version, with or without a prefix, and nothing else', () => {
  for (const good of ['10.0.0.0/8', '10.0.0.1', '0.0.0.0/0', '2001:db8::/32', '::1', '::ffff:10.0.0.1']) {
    assert.equal(isClientNetwork(good), true, good);
  }
  for (const bad of [
    '',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '::/129',
    'fe80::1%eth0',
    'localhost',
    '10.0.0.0/8 ',
    '1.2.3.4/-1',
  ]) {
    assert.equal(isClientNetwork(bad), false, bad);
  }
  assert.deepEqual(['10.0.0.1', '2001:DB8::/32', '::1'].map(plainNetwork), ['10.0.0.1/32', '2001:db8::/32', '::1/128']);
});

test('origins have a scheme and a host, a port where it is not the usual one, and at most an asterisk in front', () => {
  for (const good of [
    'https://app.example.com',
    'http://localhost:3000',
    'https://*.example.com',
    'https://App.Example.com',
  ]) {
    assert.equal(isOriginPattern(good), true, good);
  }
  for (const bad of [
    '',
    '*',
    'null',
    'app.example.com',
    'https://app.example.com/',
    'https://app.example.com:443',
    'https://user@app.example.com',
    'ftp://app.example.com',
    'https://*',
    'https://a.*.example.com',
    'https://*.*.example.com',
    `https://${'a'.repeat(300)}.example.com`,
  ]) {
    assert.equal(isOriginPattern(bad), false, bad);
  }
});

test('a key without restrictions has no guard, and keys with the same share one', () => {
  const guardOf = guardFactory();

  assert.equal(guardOf({}), undefined);
  assert.equal(guardOf({ addresses: ['10.0.0.0/8'] }), guardOf({ addresses: ['10.0.0.0/8'] }));
  assert.notEqual(guardOf({ addresses: ['10.0.0.0/8'] }), guardOf({ addresses: ['10.0.0.0/9'] }));
  const guard = guardOf({ addresses: ['0.0.0.0/0'] });
  assert.deepEqual(
    ['1.2.3.4', '::1', '::ffff:1.2.3.4', 'junk', ''].map(address => guard?.allowsAddress?.(address)),
    [true, false, true, false, false],
  );
  assert.equal(guard?.allowsOrigin, undefined);
});
