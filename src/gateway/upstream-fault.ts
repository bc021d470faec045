import { Fault } from '../completion/fault.ts';

/** Names what broke a connection to a provider. `answering`: its response had begun. The message goes to the client, so
 *  it carries no address; the cause is for the log. */
export function connectionFault(error: unknown, answering: boolean): Fault {
  const code = errorCode(error);
  if (unreachable.has(code)) return new Fault('upstream_refused', undefined, { cause: error });
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return new Fault('upstream_connect_timeout', undefined, { cause: error });
  }
  if (isNoHttp(error, code)) return new Fault('upstream_malformed', undefined, { cause: error });
  if (isCertificateError(code)) {
    return new Fault('upstream_refused', 'The provider has no certificate that can be trusted.', { cause: error });
  }
  return new Fault(answering ? 'upstream_truncated' : 'upstream_reset', undefined, { cause: error });
}

const unreachable: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EACCES',
  'EPERM',
]);

const malformed: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
]);

/** Bytes that are not an HTTP response. undici's parser gives its error a name and no code; an interim or upgrading
 *  response that nobody asked for shares its code with a closed socket, and only its words tell them apart. */
function isNoHttp(error: unknown, code: string): boolean {
  if (code.startsWith('HPE_') || malformed.has(code)) return true;
  if (!(error instanceof Error)) return false;
  if (error.name === 'HTTPParserError') return true;
  return code === 'UND_ERR_SOCKET' && (error.message === 'bad response' || error.message === 'bad upgrade');
}

function isCertificateError(code: string): boolean {
  return (
    code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || code.includes('CERT') || code.startsWith('UNABLE_TO')
  );
}

/** undici wraps some causes, and tries of several addresses come as one AggregateError. */
function errorCode(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string' && at.code !== 'UND_ERR_ABORTED') return at.code;
    if (at instanceof AggregateError && at.errors.length > 0) return errorCode(at.errors[0]);
  }
  return '';
}
