import { createHash, createHmac } from 'node:crypto';
import type { KeyedRequest } from '../manner.ts';

// AWS Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
// (2026-11). The path is percent-encoded once more for the canonical request, as for every service but S3.

export interface SignedRequest {
  readonly accessKeyId: string;
  /** `20261120/us-east-1/bedrock/aws4_request` */
  readonly scope: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const authorizationForm =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8}\/[^/,\s]+\/[^/,\s]+\/aws4_request),\s*SignedHeaders=([a-z0-9;:-]+),\s*Signature=([0-9a-f]{64})$/;

/** undefined for anything that is no such signature. */
export function readSignature(authorization: string): SignedRequest | undefined {
  const match = authorizationForm.exec(authorization);
  if (match === null) return undefined;
  return { accessKeyId: match[1]!, scope: match[2]!, signedHeaders: match[3]!.split(';'), signature: match[4]! };
}

/** What the signature should have been. */
export function computeSignature(request: KeyedRequest, signed: SignedRequest, secret: string): string {
  const [date, region, service] = signed.scope.split('/');
  const at = String(request.headers['x-amz-date']);
  const toSign = ['AWS4-HMAC-SHA256', at, signed.scope, sha256(canonicalRequest(request, signed))].join('\n');
  const key = [date!, region!, service!, 'aws4_request'].reduce<Buffer | string>(hmac, `AWS4${secret}`);
  return hmac(key, toSign).toString('hex');
}

function canonicalRequest({ method, url, headers, body }: KeyedRequest, { signedHeaders }: SignedRequest): string {
  const [path, query] = url.split('?', 2);
  const lines = signedHeaders.map(
    name =>
      `${name}:${String(headers[name] ?? (name === 'host' ? headers[':authority'] : '') ?? '')
        .trim()
        .replace(/\s+/g, ' ')}`,
  );
  const parameters = (query ?? '').split('&').filter(part => part !== '');
  return [
    method,
    path!.split('/').map(encodeSegment).join('/'),
    parameters
      .map(part => (part.includes('=') ? part : `${part}=`))
      .sort()
      .join('&'),
    ...lines,
    '',
    signedHeaders.join(';'),
    headers['x-amz-content-sha256'] ?? sha256(body),
  ].join('\n');
}

/** Percent signs of the path as sent are encoded again. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(/[!'()*]/g, mark => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
