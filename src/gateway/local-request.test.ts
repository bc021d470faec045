import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLocalRequest } from './local-request.ts';

test('a request is local when it comes from this machine, was meant for it, and no proxy left a trace', () => {
  const cases: readonly (readonly [boolean, string | undefined, Record<string, string>])[] = [
    [true, '127.0.0.1', { host: '127.0.0.1:8080' }],
    [true, '::1', { host: '[::1]:8080' }],
    [true, '::ffff:127.0.0.1', { host: 'LocalHost' }],
    [false, '203.0.113.9', { host: 'localhost:8080' }],
    [false, undefined, { host: 'localhost' }],
    [false, '127.0.0.1', { host: 'models.example.com' }],
    [false, '127.0.0.1', { host: '127.0.0.1.example.com' }],
    [false, '127.0.0.1', {}],
    [false, '127.0.0.1', { host: 'localhost', via: '1.1 proxy' }],
    [false, '127.0.0.1', { host: 'localhost', forwarded: 'for=203.0.113.9' }],
    [false, '127.0.0.1', { host: 'localhost', 'x-forwarded-for': '' }],
    [false, '127.0.0.1', { host: 'localhost', 'x-real-ip': '203.0.113.9' }],
  ];
  for (const [local, remoteAddress, headers] of cases) {
    assert.equal(
      isLocalRequest({ headers, socket: { remoteAddress } }),
      local,
      `${remoteAddress} ${JSON.stringify(headers)}`,
    );
  }
});
