import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseUrl } from './endpoint.ts';
import { attemptsMax, retryDelayMs } from './retry.ts';
import { mintWebhookSecret, signatureHeaders } from './sign.ts';

test('a signature is that of the published example, and two secrets make two', () => {
  // https://docs.svix.com/receiving/verifying-payloads/how-manual, 2026-11
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', atMs: 1_614_265_330_999, body: '{"test": 2432232314}' };

  assert.deepEqual(signatureHeaders(message, [secret]), {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
  const both = signatureHeaders(message, [`whsec_${'A'.repeat(43)}=`, secret])['webhook-signature'] ?? '';
  assert.match(both, /^v1,[A-Za-z0-9+/]{43}= v1,g0hM9SsE\+OTPJTGt\/tmIKtSyZlE3uFJELVlNIOLJ1OE=$/);
});

test('a secret carries 256 bits', () => {
  assert.match(mintWebhookSecret(), /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.equal(
    mintWebhookSecret(bytes => Buffer.alloc(bytes)),
    'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  );
});

test('eight attempts take a little less than a day, or a little more with all the jitter there is', () => {
  const delays = (random: number) => Array.from({ length: attemptsMax }, (_, index) => retryDelayMs(index + 1, random));

  assert.equal(attemptsMax, 8);
  assert.deepEqual(delays(0), [5_000, 60_000, 300_000, 1_800_000, 7_200_000, 21_600_000, 50_400_000, undefined]);
  assert.deepEqual(delays(0.999_999_999).slice(0, 2), [6_000, 72_000]);
  const sum = (random: number) => delays(random).reduce<number>((total, delay) => total + (delay ?? 0), 0);
  assert.equal(sum(0), 81_365_000);
  assert.ok(sum(1) < 28 * 3_600_000);
});

test('a receiver may ask for a longer wait, up to an hour, and never for a shorter one or for another attempt', () => {
  assert.equal(retryDelayMs(1, 0, 120_000), 120_000);
  assert.equal(retryDelayMs(1, 0, 999_999_999), 3_600_000);
  assert.equal(retryDelayMs(5, 0, 1), 7_200_000);
  assert.equal(retryDelayMs(8, 0, 1), undefined);
});

test('an address is refused by its form before anything is sent there', () => {
  const strict = { hasAllowed: false };
  for (const url of ['', 'x', 'ftp://a.example', 'http://a.example', 'file:///etc/passwd', 'javascript:1']) {
    assert.ok(refuseUrl(url, strict) !== undefined, url);
  }
  assert.equal(refuseUrl('https://u:p@a.example/', strict), 'names a user or a password');
  assert.equal(refuseUrl('https://a.example/#x', strict), 'has a fragment, which is never sent');
  assert.equal(refuseUrl('https://a.example/x?y=z', strict), undefined);
  assert.equal(refuseUrl('http://10.0.0.1:8080/x', { hasAllowed: true }), undefined);
});
