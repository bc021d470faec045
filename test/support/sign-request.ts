import { createHash, createHmac } from 'node:crypto';

export interface Signing {
  readonly keyId: string;
  readonly secret: string;
  readonly atMs: number;
  readonly method?: string;
  /** With its query, as it is sent. */
  readonly url: string;
  readonly host: string;
  readonly body?: string | Buffer;
  readonly region?: string;
  /** What the signer calls it; `:authority` over HTTP/2. */
  readonly hostName?: string;
  /** Without it, as older SDKs sign: the hash of the body is in no header. */
  readonly saysHash?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Headers of a request that is signed as AWS SDKs do (Signature Version 4), written apart from what verifies them. */
export function signRequest(signing: Signing): Record<string, string> {
  const {
    keyId,
    secret,
    atMs,
    url,
    host,
    body = '',
    region = 'us-east-1',
    method = 'POST',
    hostName = 'host',
  } = signing;
  const date = new Date(atMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const day = date.slice(0, 8);
  const hash = createHash('sha256').update(body).digest('hex');
  const headers: Record<string, string> = {
    ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
    [hostName]: host,
    'x-amz-date': date,
    ...(signing.saysHash === false ? {} : { 'x-amz-content-sha256': hash }),
    ...signing.headers,
  };
  const names = Object.keys(headers).sort();
  const [path = '', query = ''] = url.split('?');
  const canonical = [
    method,
    path.split('/').map(encodeURIComponent).join('/'),
    query.split('&').sort().join('&'),
    ...names.map(name => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    hash,
  ].join('\n');
  const scope = `${day}/${region}/bedrock/aws4_request`;
  const hashed = createHash('sha256').update(canonical).digest('hex');
  const key = [day, region, 'bedrock', 'aws4_request'].reduce<string | Buffer>(
    (before, part) => createHmac('sha256', before).update(part).digest(),
    `AWS4${secret}`,
  );
  const signature = createHmac('sha256', key).update(`AWS4-HMAC-SHA256\n${date}\n${scope}\n${hashed}`).digest('hex');
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${keyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}
