import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Fault } from '../../completion/fault.ts';
import { canonicalHash } from './canonical-request.ts';
import { isPresigned, readClaim } from './signed-request.ts';
import { deriveSigningKey, SigningKeys, signingKeysMax } from './signing-keys.ts';

const secret = 'cck_sign0001_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const bodyHash = '5e4ce7b36ba37b78a5d5f9fd08e6b7b54ba6879d651aa46ec9e1d6fa24ebe30a';

/** The example of AWS's documentation of Signature Version 4: `ListUsers` of IAM, signed with its example key
 *  (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-examples.html, 2026-11). */
test('the documented example has the documented hash, signing key and signature', () => {
  const hashed = canonicalHash({
    method: 'GET',
    path: '/',
    query: 'Action=ListUsers&Version=2010-05-08',
    rawHeaders: [
      'Content-Type',
      'application/x-www-form-urlencoded; charset=utf-8',
      'Host',
      'iam.amazonaws.com',
      'X-Amz-Date',
      '20150830T123600Z',
    ],
    signedHeaders: ['content-type', 'host', 'x-amz-date'],
    payloadHash: emptyHash,
  });
  const key = deriveSigningKey('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', {
    day: '20150830',
    region: 'us-east-1',
    service: 'iam',
  });

  assert.equal(hashed, 'f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59');
  assert.equal(key.export().toString('hex'), 'c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9');
  const text = `AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n${hashed}`;
  assert.equal(
    createHmac('sha256', key).update(text).digest('hex'),
    '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  );
});

/** What `@smithy/signature-v4` 5.7.5 signs (2026-11): a model id that is encoded in the path, a query out of order with
 *  values of one name, odd spaces, `:authority` in the place of `host`, a path that ends with a slash. */
const signed = [
  {
    path: '/model/openai%2Fgpt-5/converse',
    query: '',
    method: 'POST',
    rawHeaders: ['host', '127.0.0.1:8080', 'Content-Type', 'application/json'],
    signedHeaders: 'content-type;host;x-amz-content-sha256;x-amz-date',
    payloadHash: bodyHash,
    signature: 'f4c8e9acae103a50ad81c91df9ec1cd66c024cc85a4dceb8d6e74f3c23cf0c39',
  },
  {
    path: '/model/anthropic.claude-3%3A0/converse-stream',
    query: 'b=2%20%C3%A9&a=y&a=x&a%20b=1',
    method: 'POST',
    rawHeaders: ['host', '127.0.0.1:8080', 'content-type', 'application/json', 'x-odd', '  a   b  '],
    signedHeaders: ':authority;content-type;x-amz-content-sha256;x-amz-date;x-odd',
    payloadHash: bodyHash,
    signature: 'be89b1f4b0b56eb48c05c37cbd270df2aecc55d58cd28c31c5d86830cc6e9a2a',
  },
  {
    path: '/v1/models/',
    query: '',
    method: 'GET',
    rawHeaders: ['host', 'h'],
    signedHeaders: 'host;x-amz-content-sha256;x-amz-date',
    payloadHash: emptyHash,
    signature: 'ec50243fefbbbe4fdc9b3147db6f24ce95ff6d9deda72e31d135acec155b3afd',
  },
];

test('what the signer of the AWS SDK signs is what is computed here', () => {
  const key = deriveSigningKey(secret, { day: '20261120', region: 'us-east-1', service: 'bedrock' });
  for (const { signature, signedHeaders, rawHeaders, ...parts } of signed) {
    const hashed = canonicalHash({
      ...parts,
      rawHeaders: [...rawHeaders, 'x-amz-date', '20261120T120000Z', 'x-amz-content-sha256', parts.payloadHash],
      signedHeaders: signedHeaders.split(';'),
    });
    const text = `AWS4-HMAC-SHA256\n20261120T120000Z\n20261120/us-east-1/bedrock/aws4_request\n${hashed}`;
    assert.equal(createHmac('sha256', key).update(text).digest('hex'), signature, parts.path);
  }
});

test('a listed header that did not come and a query that is no text are refused', () => {
  const parts = { method: 'GET', path: '/', query: '', rawHeaders: ['host', 'h'], payloadHash: emptyHash };
  const code = (run: () => unknown) => {
    try {
      return run();
    } catch (error) {
      return (error as Fault).code;
    }
  };

  assert.equal(
    code(() => canonicalHash({ ...parts, signedHeaders: ['host', 'x-gone'] })),
    'signature_malformed',
  );
  assert.equal(
    code(() => canonicalHash({ ...parts, query: 'a=%GG', signedHeaders: ['host'] })),
    'signature_malformed',
  );
});

const good = {
  authorization: `AWS4-HMAC-SHA256 Credential=sign0001/20261120/eu-central-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=${'ab'.repeat(32)}`,
  host: 'h',
  'content-type': 'application/json',
  'x-amz-date': '20261120T120000Z',
};

test('a claim is read with whatever spaces its parts have, in any order', () => {
  const claim = readClaim(good);

  assert.deepEqual(claim, {
    keyId: 'sign0001',
    day: '20261120',
    region: 'eu-central-1',
    signedHeaders: ['content-type', 'host', 'x-amz-date'],
    signature: Buffer.alloc(32, 0xab),
    date: '20261120T120000Z',
    signedAtMs: Date.parse('2026-11-20T12:00:00Z'),
    payloadHash: undefined,
  });
  const [kind, credential, headers, signature] = good.authorization.split(/,? /);
  const turned = { ...good, authorization: `${kind} ${signature},${headers},${credential}` };
  assert.deepEqual(readClaim(turned), claim);
});

test('a claim that is no claim is refused by name, and never repeated', () => {
  const change = (from: string | RegExp, to: string) => ({
    ...good,
    authorization: good.authorization.replace(from, to),
  });
  const cases: readonly (readonly [string, Record<string, string | undefined>])[] = [
    ['signature_malformed', change(/, Signature=.*/, '')],
    ['signature_malformed', change('SignedHeaders', 'Headers')],
    ['signature_malformed', change(', Signature', ', Signature=ab, Signature')],
    ['signature_malformed', change(/ab$/, 'a')],
    ['signature_malformed', change(/ab$/, 'AB')],
    ['signature_malformed', change('20261120/', '')],
    ['signature_malformed', change('/aws4_request', '/aws4')],
    ['signature_malformed', change('/aws4_request', '/aws4_request/more')],
    ['signature_malformed', change('eu-central-1', 'eu_central')],
    ['signature_malformed', change('eu-central-1', 'e'.repeat(33))],
    ['signature_malformed', change('20261120', '20261119')],
    ['signature_malformed', change(';host', '')],
    ['signature_malformed', change(';x-amz-date', '')],
    ['signature_malformed', change('content-type;', '')],
    ['signature_malformed', change('content-type', 'Content-Type')],
    ['signature_malformed', change(';host', ';host;host')],
    ['signature_malformed', change('content-type;', `${'a;'.repeat(70)}`)],
    ['signature_malformed', { ...good, 'x-amz-date': undefined }],
    ['signature_malformed', { ...good, 'x-amz-date': '2026-11-20T12:00:00Z' }],
    ['signature_malformed', { ...good, 'x-amz-date': '20261399T120000Z' }],
    ['signature_malformed', { ...good, authorization: 'AWS4-HMAC-SHA256' }],
    ['signature_malformed', { ...good, 'x-amz-content-sha256': bodyHash }],
    ['signature_unsupported', change('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')],
    ['signature_unsupported', change('/bedrock/', '/s3/')],
    ['signature_unsupported', { ...good, 'x-amz-security-token': 'token' }],
    [
      'signature_unsupported',
      { ...change(';host', ';host;x-amz-content-sha256'), 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    ],
    [
      'signature_unsupported',
      {
        ...change(';host', ';host;x-amz-content-sha256'),
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      },
    ],
  ];
  for (const [code, headers] of cases) {
    assert.throws(
      () => readClaim(headers),
      (fault: Fault) => {
        assert.equal(fault.code, code, JSON.stringify(headers));
        assert.doesNotMatch(fault.message, /abab|sign0001/);
        return fault instanceof Fault;
      },
    );
  }
});

test('a presigned query is known by any of its parts, in any spelling', () => {
  for (const query of ['X-Amz-Signature=1', 'a=1&x-amz-credential=2', 'X-Amz-Algorithm=AWS4-HMAC-SHA256']) {
    assert.equal(isPresigned(query), true);
  }
  for (const query of ['', 'key=x-amz-signature', 'ax-amz-signature=1']) assert.equal(isPresigned(query), false);
});

test('derived keys are found again without their secret, are told apart, and are bounded', () => {
  const keys = new SigningKeys();
  const scope = { day: '20261120', region: 'us-east-1', service: 'bedrock' };
  let opened = 0;
  const open = () => {
    opened++;
    return secret;
  };
  const key = keys.find('d-0', scope, open);
  keys.find('d-0', scope, open);
  assert.deepEqual([opened, keys.size], [2, 0], 'nothing is kept before somebody has signed with it');

  keys.keep('d-0', scope, key);
  assert.equal(keys.find('d-0', scope, open), key);
  assert.equal(opened, 2);
  for (const other of [
    { ...scope, day: '20261121' },
    { ...scope, region: 'us-east-2' },
  ]) {
    assert.notDeepEqual(keys.find('d-0', other, open).export(), key.export());
  }
  for (let index = 1; index <= signingKeysMax; index++) keys.keep(`d-${index}`, scope, key);
  keys.find('d-0', scope, open);
  assert.deepEqual([keys.size, opened], [signingKeysMax, 5]);
});
