import { Fault, type FaultCode, faults } from '../completion/fault.ts';
import { saysOverflow } from './context-overflow.ts';
import type { FaultResponse } from './dialect.ts';
import { durationMs, retryAfterMs } from './retry-after.ts';
import { safeMessage } from './safe-message.ts';

/** Errors have no reason to be longer; more is not read. */
const errorBytesMax = 256 * 1024;

/** What a provider's error says, whatever its shape. */
export interface ProviderError {
  /** Absent for an error inside a stream. */
  readonly status: number | undefined;
  readonly type: string;
  readonly code: string;
  readonly message: string | undefined;
  readonly parameter: string | undefined;
}

/** Reads an error response of a provider. Hosts of one dialect differ in their errors more than the dialects do, so
 *  all shapes are known to all of them. `type`: what is said of it outside the body. */
export function readProviderFault(response: FaultResponse, type?: string): Fault {
  const body = parseBody(response.body);
  return toFault(readError(response.status, body, type), retryAfterMs(response) ?? retryInfoMs(body));
}

/** Reads an error that came inside a 200: an event of a stream, or the body. */
export function readInnerFault(body: unknown, type?: string): Fault {
  return toFault(readError(undefined, body, type), undefined);
}

function toFault(error: ProviderError, retryAfter: number | undefined): Fault {
  const code = classify(error);
  const message = safeMessage(error.message);
  const shown = silentCodes.has(code) ? undefined : message;
  return new Fault(code, shown, {
    ...(message === undefined || shown !== undefined ? undefined : { cause: new Error(message) }),
    ...(error.parameter === undefined ? undefined : { parameter: error.parameter }),
    ...(retryAfter === undefined ? undefined : { retryAfterMs: retryAfter }),
    ...(error.status === undefined ? undefined : { upstreamStatus: error.status }),
  });
}

/** Faults of our own account at the provider: what it says about it is the operator's business. */
const silentCodes: ReadonlySet<FaultCode> = new Set(['upstream_credential', 'upstream_quota']);

function parseBody(body: Buffer): unknown {
  if (body.length === 0 || body.length > errorBytesMax) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // HTML of a proxy, or plain text: it may hold addresses and is of no use to a client.
    return undefined;
  }
}

function readError(status: number | undefined, body: unknown, type?: string): ProviderError {
  const outer = outerOf(body);
  const error = outer['error'];
  // {error: {…}} is the common shape; xAI and Ollama send {error: text}; others put the fields at the top or in detail.
  const inner = isRecord(error) ? error : outer;
  const innerCode = isRecord(inner['innererror']) ? word(inner['innererror']['code']) : '';
  return {
    status: status ?? numericStatus(inner),
    type: word(type ?? inner['type'] ?? inner['error_type'] ?? statusWord(inner)),
    code: `${word(inner['code'])} ${innerCode} ${detailReasons(inner)}`.trim(),
    message: overflowCounts(inner) ?? (typeof error === 'string' ? error : messageOf(inner)),
    parameter: parameterOf(inner['param']),
  };
}

/** Google's errors outside of events may come as a list of one. */
function outerOf(body: unknown): Readonly<Record<string, unknown>> {
  return isRecord(body) ? body : Array.isArray(body) && isRecord(body[0]) ? body[0] : {};
}

/** Google's word stands in `status`, beside the number in `code` (https://cloud.google.com/apis/design/errors, 2026-11). */
function statusWord(inner: Readonly<Record<string, unknown>>): unknown {
  return typeof inner['status'] === 'string' ? inner['status'] : undefined;
}

/** Entries of `details` at most; the API sends three kinds. */
const detailsMax = 16;

function detailsOf(inner: Readonly<Record<string, unknown>>): readonly Readonly<Record<string, unknown>>[] {
  const { details } = inner;
  return Array.isArray(details) ? details.slice(0, detailsMax).filter(isRecord) : [];
}

/** `reason` of an ErrorInfo, such as API_KEY_INVALID. */
function detailReasons(inner: Readonly<Record<string, unknown>>): string {
  return detailsOf(inner)
    .map(detail => word(detail['reason']))
    .join(' ');
}

/** Google says when to come back in the body: a RetryInfo with `retryDelay: "34.4s"`
 *  (https://cloud.google.com/apis/design/errors#retry_info, 2026-11). */
function retryInfoMs(body: unknown): number | undefined {
  const { error } = outerOf(body);
  if (!isRecord(error)) return undefined;
  for (const { retryDelay } of detailsOf(error)) {
    const ms = typeof retryDelay === 'string' ? durationMs(retryDelay) : undefined;
    if (ms !== undefined) return ms;
  }
  return undefined;
}

/** llama.cpp names the numbers beside its message (https://github.com/ggml-org/llama.cpp/pull/15780, 2025-09). */
function overflowCounts(inner: Readonly<Record<string, unknown>>): string | undefined {
  const { n_prompt_tokens: asked, n_ctx: limit } = inner;
  if (!Number.isSafeInteger(asked) || !Number.isSafeInteger(limit)) return undefined;
  return `prompt is too long: ${asked} tokens > ${limit} maximum`;
}

function messageOf(inner: Readonly<Record<string, unknown>>): string | undefined {
  const { message = inner['Message'], detail } = inner;
  if (typeof message === 'string') return message;
  if (typeof detail === 'string') return detail;
  const first = Array.isArray(detail) ? detail[0] : (detail ?? message);
  if (!isRecord(first)) return undefined;
  const nested = first['msg'] ?? first['message'];
  return typeof nested === 'string' ? nested : undefined;
}

/** Inside streams some hosts send the status as the code, or beside it. */
function numericStatus(inner: Readonly<Record<string, unknown>>): number | undefined {
  for (const name of ['status_code', 'status', 'code']) {
    const value = inner[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599) return value;
  }
  return undefined;
}

/** The path of a field; nothing else is taken for one, since clients see it. */
function parameterOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.[\]-]{1,120}$/.test(value) ? value : undefined;
}

function word(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, 100).toLowerCase();
  return typeof value === 'number' ? `${value}` : '';
}

function classify(error: ProviderError): FaultCode {
  const words = ` ${error.type} ${error.code} `;
  const message = error.message?.slice(0, 2000) ?? '';
  const status = error.status;
  // A gateway or proxy in between has no words of the dialect; its status is all there is.
  const mayBeOurs = status === undefined || status < 500;

  if (status === 402 || says(words, quotaWords) || (mayBeOurs && quotaText.test(message))) return 'upstream_quota';
  if ((says(words, contextWords) || (mayBeOurs && saysOverflow(message))) && status !== 429) return 'context_overflow';
  if (mayBeOurs && (says(words, filterWords) || filterText.test(message))) return 'content_filtered';
  // Cohere's for an invalid token (cohere-ai 8.1.0, InvalidTokenError, 2026-11).
  if (status === 401 || status === 498 || says(words, credentialWords) || (mayBeOurs && credentialText.test(message))) {
    return 'upstream_credential';
  }
  if (status === 403) return 'upstream_credential';
  if (status === 529 || status === 503 || says(words, overloadedWords)) return 'upstream_overloaded';
  if (status === 429 || says(words, rateWords)) return 'upstream_rate_limited';
  if (status === 408 || status === 504 || status === 522 || status === 524 || says(words, timeoutWords)) {
    return 'upstream_first_byte_timeout';
  }
  if (status === 404 || says(words, notFoundWords) || (mayBeOurs && notFoundText.test(message)))
    return 'upstream_not_found';
  if (status === 413 || says(words, tooLargeWords)) return 'upstream_too_large';
  // 499: somebody before the model hung up; not the client, which is here.
  if (status === 405 || status === 409 || status === 424 || status === 499) return 'upstream_error';
  if (status !== undefined) return status >= 400 && status < 500 ? 'upstream_invalid' : 'upstream_error';
  return says(words, invalidWords) ? 'upstream_invalid' : 'upstream_error';
}

function says(words: string, vocabulary: readonly string[]): boolean {
  return vocabulary.some(entry => words.includes(` ${entry} `));
}

// The words are those of the providers' published error lists and recorded answers (2026-11).
const quotaWords = [
  'insufficient_quota',
  'billing_error',
  'billing_not_active',
  'billing_hard_limit_reached',
  'insufficient_balance',
  'credit_balance_too_low',
  'servicequotaexceededexception',
];
// Not `exceeded your current quota`: Google says so of limits by the minute; OpenAI's code tells its own apart.
const quotaText = /credit balance is too low|insufficient balance/i;
const contextWords = [
  'context_length_exceeded',
  'exceed_context_size_error',
  'too_many_prompt_tokens',
  'too_many_tokens',
  'model_context_window_exceeded',
];
const filterWords = [
  'content_filter',
  'content_policy_violation',
  'content_filter_error',
  'responsibleaipolicyviolation',
  'moderation_blocked',
  'data_inspection_failed',
];
const filterText = /content management policy|flagged by (?:our )?(?:content )?moderation|requires moderation/i;
const credentialWords = [
  'authentication_error',
  'permission_error',
  'permission_denied',
  'unauthenticated',
  'api_key_invalid',
  'api_key_service_blocked',
  'access_token_expired',
  'invalid_api_key',
  'invalid_authentication',
  'unauthorized',
  'accessdeniedexception',
  'unrecognizedclientexception',
  'invalidsignatureexception',
  'expiredtokenexception',
  'missingauthenticationtokenexception',
];
const credentialText = /\b(?:incorrect|invalid) (?:x-)?api[- ]key|\bapi key not valid/i;
const overloadedWords = [
  'overloaded_error',
  'engine_overloaded',
  'engine_overloaded_error',
  'server_is_overloaded',
  'slow_down',
  'unavailable',
  'serviceunavailableexception',
  // "not ready to serve inference requests", with status 429.
  'modelnotreadyexception',
];
const rateWords = [
  'rate_limit_error',
  'rate_limit_exceeded',
  'too_many_requests',
  'resource_exhausted',
  '429',
  'throttlingexception',
];
const timeoutWords = ['timeout_error', 'request_timeout', 'timeout', 'deadline_exceeded', 'modeltimeoutexception'];
const notFoundWords = [
  'not_found_error',
  'model_not_found',
  'deploymentnotfound',
  'not_found',
  'resourcenotfoundexception',
];
// Bedrock says so with a ValidationException (https://repost.aws/knowledge-center/bedrock-invokemodel-api-error, 2026-11).
const notFoundText = /\bmodel identifier is invalid/i;
const tooLargeWords = ['request_too_large', 'payload_too_large'];
const invalidWords = [
  'invalid_request_error',
  'bad_request',
  'badrequesterror',
  'invalid_request',
  'invalid_argument',
  'failed_precondition',
  'out_of_range',
  'validationexception',
];

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The message of a fault with what it lists, for a client. */
export function shownMessage(fault: Fault): string {
  const listing = fault.listing ?? [];
  if (listing.every(entry => fault.message.includes(entry))) return bounded(fault.message);
  return bounded(`${fault.message} (${listing.join('; ')})`);
}

const shownLettersMax = 4000;

function bounded(message: string): string {
  if (message === '') return faults.internal.meaning;
  return message.length <= shownLettersMax ? message : `${message.slice(0, shownLettersMax - 1)}…`;
}
