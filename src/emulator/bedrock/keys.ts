import { Refusal } from '../answer.ts';
import type { KeyedRequest } from '../manner.ts';
import { computeSignature, readSignature, type SignedRequest, sha256 } from './signed-request.ts';

/** A bearer key of Bedrock, or Signature Version 4. Keys are compared; one of the form `ACCESSKEYID:SECRET` is what a
 *  signature is checked with. Without a list any bearer key and any well-formed signature will do. Throws Refusal. */
export function checkBedrockKey(request: KeyedRequest, keys: readonly string[] | undefined): void {
  const { authorization } = request.headers;
  if (authorization === undefined) throw denied('MissingAuthenticationTokenException', 'Missing Authentication Token');
  const bearer = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
  if (bearer !== undefined) {
    if (keys === undefined || keys.includes(bearer)) return;
    throw denied('AccessDeniedException', 'Authentication failed: Please make sure your API Key is valid.');
  }
  const signed = readSignature(authorization);
  if (signed === undefined) {
    throw denied('IncompleteSignatureException', 'Authorization header is not of a form that is known.');
  }
  checkSignature(request, signed, keys);
}

const skewMsMax = 5 * 60_000;

function checkSignature(request: KeyedRequest, signed: SignedRequest, keys: readonly string[] | undefined): void {
  const { headers, body, nowMs } = request;
  const service = signed.scope.split('/')[2]!;
  if (service !== 'bedrock') {
    throw denied('InvalidSignatureException', `Credential should be scoped to correct service: 'bedrock'.`);
  }
  // Over HTTP/2 the AWS SDK signs `:authority` (3.1162, 2026-11).
  const host = signed.signedHeaders.includes('host') || signed.signedHeaders.includes(':authority');
  if (!host || !signed.signedHeaders.includes('x-amz-date')) {
    throw denied('InvalidSignatureException', "'Host' or ':authority' and 'X-Amz-Date' must be signed headers.");
  }
  const signedAtMs = readInstant(String(headers['x-amz-date']));
  if (signedAtMs === undefined || Math.abs(signedAtMs - nowMs) > skewMsMax) {
    throw denied('InvalidSignatureException', `Signature expired: ${String(headers['x-amz-date'])} is not now.`);
  }
  const said = headers['x-amz-content-sha256'];
  if (said !== undefined && said !== 'UNSIGNED-PAYLOAD' && said !== sha256(body)) {
    throw denied('InvalidSignatureException', 'The provided x-amz-content-sha256 header does not match the payload.');
  }
  if (keys === undefined) return;
  const secret = keys.find(key => key.startsWith(`${signed.accessKeyId}:`))?.slice(signed.accessKeyId.length + 1);
  if (secret === undefined) {
    throw denied('UnrecognizedClientException', 'The security token included in the request is invalid.');
  }
  if (computeSignature(request, signed, secret) === signed.signature) return;
  const message =
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.';
  throw denied('InvalidSignatureException', message);
}

/** `20261120T203320Z` */
function readInstant(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function denied(type: string, message: string): Refusal {
  return new Refusal(403, type, message);
}
