import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressPolicy } from './address-policy.ts';
import { findDestination } from './destination.ts';
import { FetchRefusal } from './fetch-refusal.ts';

const never = new AbortController().signal;
const policy = new AddressPolicy(['127.0.0.1/32']);
const answers: Readonly<Record<string, readonly string[]>> = {
  'public.example': ['93.184.215.14', '2606:2800:21f:cb07::1'],
  'private.example': ['10.0.0.1'],
  'mixed.example': ['93.184.215.14', '10.0.0.1'],
  'mixed6.example': ['93.184.215.14', '::1'],
  'allowed.example': ['127.0.0.1'],
  'halfallowed.example': ['127.0.0.1', '93.184.215.14'],
  'metadata.example': ['169.254.169.254'],
  'mapped.example': ['::ffff:169.254.169.254'],
  'odd.example': ['not an address'],
  'late.example': [...Array.from({ length: 20 }, (_, index) => `8.8.4.${index}`)],
};

const resolve = (name: string) =>
  Object.hasOwn(answers, name) ? Promise.resolve(answers[name]!) : Promise.reject(new Error('ENOTFOUND'));

async function outcome(url: string): Promise<string> {
  try {
    const found = await findDestination(new URL(url), policy, resolve, never);
    return found.addresses.map(({ address, family }) => `${family} ${address}`).join(', ');
  } catch (error) {
    assert.ok(error instanceof FetchRefusal, String(error));
    return error.message;
  }
}

const notPublic = 'its host is not at a public address';
const notUsual = 'only the usual ports of http and https are asked';
const rows: readonly (readonly [url: string, expected: string])[] = [
  ['https://public.example/a.png', '4 93.184.215.14, 6 2606:2800:21f:cb07::1'],
  ['http://public.example/', '4 93.184.215.14, 6 2606:2800:21f:cb07::1'],
  ['https://public.example:443/', '4 93.184.215.14, 6 2606:2800:21f:cb07::1'],
  ['https://8.8.8.8/', '4 8.8.8.8'],
  ['https://[2606:4700::1111]/', '6 2606:4700::1111'],
  ['https://public.example:8443/', notUsual],
  ['http://public.example:22/', notUsual],
  ['http://public.example:443/', notUsual],
  ['https://public.example:80/', notUsual],
  ['https://private.example/', notPublic],
  ['https://mixed.example/', notPublic],
  ['https://mixed6.example/', notPublic],
  ['https://metadata.example/latest/meta-data', notPublic],
  ['https://mapped.example/', notPublic],
  ['https://odd.example/', notPublic],
  ['http://allowed.example:8080/', '4 127.0.0.1'],
  ['http://halfallowed.example:8080/', notUsual],
  ['http://halfallowed.example/', '4 127.0.0.1, 4 93.184.215.14'],
  ['http://127.0.0.1:9/', '4 127.0.0.1'],
  ['http://127.0.0.2/', notPublic],
  ['http://127.2/', notPublic],
  ['http://2130706434/', notPublic],
  ['http://0x7f000002/', notPublic],
  ['http://0x7f.2/', notPublic],
  ['http://0177.0.0.2/', notPublic],
  ['http://017700000002/', notPublic],
  ['http://127.0.0.2./', notPublic],
  ['http://①②⑦.0.0.2/', notPublic],
  ['http://１６９.２５４.１６９.２５４/', notPublic],
  ['http://0/', notPublic],
  ['http://[::]/', notPublic],
  ['http://[::1]/', notPublic],
  ['http://[0:0:0:0:0:0:0:1]/', notPublic],
  ['http://[::ffff:127.0.0.2]/', notPublic],
  ['http://[::ffff:7f00:2]/', notPublic],
  ['http://[64:ff9b::127.0.0.1]/', notPublic],
  ['http://[fd00::1]/', notPublic],
  ['http://[fe80::1]/', notPublic],
  ['https://user@public.example/', 'the URL names a user or a password'],
  ['https://user:secret@public.example/', 'the URL names a user or a password'],
  ['https://:secret@public.example/', 'the URL names a user or a password'],
  ['https://public.example@127.0.0.2/', 'the URL names a user or a password'],
  ['ftp://public.example/', 'only http and https are fetched'],
  ['file:///etc/passwd', 'only http and https are fetched'],
  ['data:image/png;base64,AAAA', 'only http and https are fetched'],
  ['gopher://public.example/', 'only http and https are fetched'],
];

for (const [url, expected] of rows) {
  test(`${url} leads to: ${expected}`, async () => {
    assert.equal(await outcome(url), expected);
  });
}

test('of a name with many addresses sixteen are used', async () => {
  const found = await findDestination(new URL('https://late.example/'), policy, resolve, never);

  assert.equal(found.addresses.length, 16);
});

test('a name without an answer is what the resolver says', async () => {
  await assert.rejects(findDestination(new URL('https://unknown.example/'), policy, resolve, never), /ENOTFOUND/);
});

test('no way to write a private address hides it', async () => {
  const byte = fc.nat(255);
  const writings = (bytes: readonly number[]): readonly string[] => {
    const [a, b, c, d] = bytes as [number, number, number, number];
    const whole = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
    const hex = (value: number) => `0x${value.toString(16)}`;
    const octal = (value: number) => `0${value.toString(8)}`;
    return [
      `${whole}`,
      hex(whole),
      octal(whole),
      [a, b, c * 256 + d].join('.'),
      [a, b * 65536 + c * 256 + d].join('.'),
      bytes.map(hex).join('.'),
      bytes.map(octal).join('.'),
      [hex(a), octal(b), c, d].join('.'),
      `${bytes.join('.')}.`,
      `[::ffff:${bytes.join('.')}]`,
    ];
  };
  await fc.assert(
    fc.asyncProperty(fc.tuple(fc.constantFrom(10, 127), byte, byte, fc.integer({ min: 2, max: 255 })), async bytes => {
      for (const host of writings(bytes)) assert.equal(await outcome(`http://${host}/`), notPublic, host);
    }),
    { numRuns: 50 },
  );
});
