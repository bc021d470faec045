import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Fault } from '../completion/fault.ts';
import { authoriseAws, awsRegionOf, readAwsCredential } from './aws-signature.ts';
import { conversePath } from './bedrock.ts';
import type { RequestToAuthorise } from './provider.ts';

/** Signature version 4 by its specification and by nothing of the library
 *  (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, 2026-11). */
function signatureOf(of: {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly secret: string;
  readonly scope: readonly string[];
  readonly longDate: string;
}): string {
  const names = of.headers.map(([name]) => name).join(';');
  const canonical = [
    of.method,
    // Each segment once more, as it stands in the request.
    of.path
      .split('/')
      .map(segment => encodeURIComponent(segment))
      .join('/'),
    of.query,
    ...of.headers.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    sha256(of.body),
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', of.longDate, of.scope.join('/'), sha256(canonical)].join('\n');
  const key = of.scope.reduce<Buffer | string>((secret, part) => hmac(secret, part), `AWS4${of.secret}`);
  return hmac(key, toSign).toString('hex');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

test('what these tests compute is what AWS publishes', () => {
  // The example of the page above.
  const signature = signatureOf({
    method: 'GET',
    path: '/',
    query: 'Action=ListUsers&Version=2010-05-08',
    headers: [
      ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
      ['host', 'iam.amazonaws.com'],
      ['x-amz-date', '20150830T123600Z'],
    ],
    body: '',
    secret,
    scope: ['20150830', 'us-east-1', 'iam', 'aws4_request'],
    longDate: '20150830T123600Z',
  });

  assert.equal(signature, '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7');
});

const body = '{"messages":[{"role":"user","content":[{"text":"Grüße"}]}]}';
const request: RequestToAuthorise = {
  origin: 'https://bedrock-runtime.eu-central-1.amazonaws.com',
  path: conversePath({ targetModel: 'anthropic.claude-haiku-4-5-20251001-v1:0', stream: true }),
  headers: ['content-type', 'application/json', 'user-agent', 'someone'],
  body: Buffer.from(body),
  credential: `AKIDEXAMPLE:${secret}`,
  nowMs: Date.parse('2015-08-30T12:36:00Z'),
};

async function headersOf(change: Partial<RequestToAuthorise>): Promise<Record<string, string>> {
  const raw = await authoriseAws({ ...request, ...change });
  return Object.fromEntries(raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1]!]] : [])));
}

for (const [title, path] of [
  ['a model with a colon', request.path],
  [
    'an ARN with slashes',
    conversePath({
      targetModel: 'arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0',
      stream: false,
    }),
  ],
] as const) {
  test(`a request for ${title} is signed, its path encoded twice`, async () => {
    const headers = await headersOf({ path });

    assert.ok(path.includes('%3A0/converse'));
    const signature = signatureOf({
      method: 'POST',
      path,
      query: '',
      headers: [
        ['content-type', 'application/json'],
        ['host', 'bedrock-runtime.eu-central-1.amazonaws.com'],
        ['x-amz-content-sha256', sha256(body)],
        ['x-amz-date', '20150830T123600Z'],
      ],
      body,
      secret,
      scope: ['20150830', 'eu-central-1', 'bedrock', 'aws4_request'],
      longDate: '20150830T123600Z',
    });
    assert.deepEqual(headers, {
      'x-amz-date': '20150830T123600Z',
      'x-amz-content-sha256': sha256(body),
      authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
    });
  });
}

test('a session token goes along and is signed; the region may be said with the key, whatever the address', async () => {
  const credential = JSON.stringify({
    accessKeyId: 'ASIAEXAMPLE',
    secretAccessKey: secret,
    sessionToken: 'session',
    region: 'us-west-2',
  });

  const headers = await headersOf({ origin: 'http://127.0.0.1:9100', credential });

  assert.equal(headers['x-amz-security-token'], 'session');
  assert.match(
    headers['authorization']!,
    /Credential=ASIAEXAMPLE\/20150830\/us-west-2\/bedrock\/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, /,
  );
});

test('the same request signs the same, another day, body or secret does not', async () => {
  const { authorization } = await headersOf({});
  for (const [change, isSame] of [
    [{}, true],
    // What a proxy may add is not signed.
    [{ headers: [] }, true],
    [{ nowMs: request.nowMs + 86_400_000 }, false],
    [{ body: Buffer.from('{}') }, false],
    [{ credential: 'AKIDEXAMPLE:another' }, false],
    [{ origin: 'https://bedrock-runtime.us-east-1.amazonaws.com' }, false],
  ] as const) {
    assert.equal((await headersOf(change))['authorization'] === authorization, isSame, JSON.stringify(change));
  }
});

test('a key of Bedrock’s own is a bearer token', async () => {
  assert.deepEqual(await headersOf({ credential: 'bedrock-api-key-YmVkcm9jaw==' }), {
    authorization: 'Bearer bedrock-api-key-YmVkcm9jaw==',
  });
});

test('credentials are read in each of their forms', () => {
  assert.deepEqual(readAwsCredential('id:secret:session'), {
    type: 'access-key',
    accessKeyId: 'id',
    secretAccessKey: 'secret',
    sessionToken: 'session',
    region: undefined,
  });
  assert.deepEqual(readAwsCredential('{"accessKeyId":"id","secretAccessKey":"secret"}'), {
    type: 'access-key',
    accessKeyId: 'id',
    secretAccessKey: 'secret',
    sessionToken: undefined,
    region: undefined,
  });
});

test('a credential of another form is refused, and nothing of it is said', async () => {
  for (const credential of [
    undefined,
    '',
    'id:',
    ':topsecret',
    'id:topsecret:',
    'id:topsecret:session:more',
    '{"accessKeyId":"topsecret"',
    '{"accessKeyId":"topsecret"}',
    '{"secretAccessKey":"topsecret"}',
    '{"accessKeyId":"topsecret","secretAccessKey":1}',
    '{"accessKeyId":"topsecret","secretAccessKey":""}',
    '{"accessKeyId":"id","secretAccessKey":"topsecret","profile":"x"}',
  ]) {
    await assert.rejects(authoriseAws({ ...request, credential }), (fault: unknown) => {
      assert.ok(fault instanceof Fault);
      assert.equal(fault.code, 'upstream_credential');
      assert.doesNotMatch(`${fault.message} ${String(fault.cause)}`, /topsecret/);
      return true;
    });
  }
  await assert.rejects(authoriseAws({ ...request, origin: 'https://proxy.example.com' }), (fault: unknown) => {
    assert.match(String((fault as Fault).cause), /names no region/);
    return true;
  });
});

test('the region stands in the address', () => {
  for (const [origin, region] of [
    ['https://bedrock-runtime.us-east-1.amazonaws.com', 'us-east-1'],
    ['https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    ['https://bedrock-runtime.ap-southeast-2.api.aws', 'ap-southeast-2'],
    ['https://bedrock-runtime.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['https://vpce-0a-1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com', 'eu-west-1'],
    ['https://bedrock.us-east-1.amazonaws.com', undefined],
    ['https://bedrock-runtime.us-east-1.amazonaws.com.example.com', undefined],
    ['unix:/run/sandbox.sock', undefined],
    ['', undefined],
  ] as const) {
    assert.equal(awsRegionOf(origin), region, origin);
  }
});
