import { type FaultClass, type FaultRow, row } from './fault-row.ts';

export type { FaultClass } from './fault-row.ts';

import type { RateLimitState } from './rate-limits.ts';

/** Every failure that we can name. One table gives status, wire words, recovery and documentation;
 *  docs/reference/faults.md is generated from it. Add a code here before throwing it. */

export const faults = {
  key_missing: row(
    'authentication',
    401,
    'No key came with the request.',
    'Send the key as your SDK does: Authorization: Bearer, x-api-key, x-goog-api-key or ?key=.',
  ),
  key_invalid: row(
    'authentication',
    401,
    'The key is not known here.',
    'Check the key, or create one with `carrier keys create`.',
  ),
  key_revoked: row('authentication', 401, 'The key was revoked.', 'Create a new key with `carrier keys create`.'),
  key_expired: row('authentication', 401, 'The key has expired.', 'Create a new key with `carrier keys create`.'),
  key_rotated: row(
    'authentication',
    401,
    'The secret was replaced by a newer one, and its time is over.',
    'Use the secret that `carrier keys rotate` printed, or rotate the key again.',
  ),
  key_cannot_sign: row(
    'authentication',
    401,
    'The key is none that signs requests.',
    'Create a key with `carrier keys create --sigv4`, or send this one as a bearer token: AWS_BEARER_TOKEN_BEDROCK.',
  ),
  signature_malformed: row(
    'authentication',
    401,
    'The signature of the request cannot be read.',
    'Sign as AWS SDKs do; the message names what is wrong.',
  ),
  signature_unsupported: row(
    'authentication',
    401,
    'The request is signed in a way that is not taken here.',
    'Sign headers with AWS4-HMAC-SHA256 for the service bedrock, without a session token; or send a bearer token.',
  ),
  signature_expired: row(
    'authentication',
    401,
    'The request was signed more than five minutes ago, or in the future.',
    'Set the clock of the client; its SDK may do so by the Date header of this answer.',
  ),
  signature_invalid: row(
    'authentication',
    401,
    'The signature is not the one that the secret of the key makes of this request.',
    'Check the secret access key, and that nothing between changes path, query, signed headers or body.',
  ),
  key_address_refused: row(
    'permission',
    403,
    'The key may not be used from this address.',
    'Call from an address of its `addresses`; behind a proxy, name the proxy in CARRIER_TRUSTED_PROXIES.',
  ),
  key_origin_refused: row(
    'permission',
    403,
    'The key may be used from pages of certain web origins only.',
    'Call from a page of one of its `origins`, or use a key without them for programs.',
  ),
  model_not_allowed: row(
    'permission',
    403,
    'The key may not use this model or route.',
    'Extend `allow` of the key or its project, or ask for a model it may use.',
  ),
  policy_not_allowed: row(
    'permission',
    403,
    'The key may not ask for this route policy.',
    'Leave x-carrier-policy out, or extend `policies` of the key.',
  ),
  no_compliant_deployment: row(
    'permission',
    403,
    'Policy excludes every deployment that could answer.',
    'The message gives each reason; widen zones or allow, publish prices, or add a deployment.',
  ),
  model_not_found: row(
    'not_found',
    404,
    'No route, deployment or model has this name.',
    'List names with GET /v1/models or `carrier models`.',
  ),
  model_ambiguous: row(
    'not_found',
    404,
    'Several vendors have a model of this bare name.',
    'Name it as vendor/name; the message lists the candidates.',
  ),
  path_not_found: row(
    'not_found',
    404,
    'Nothing answers at this path.',
    'Use the paths of your SDK: /v1/chat/completions, /v1/responses, /v1/messages, /v1beta/models/{model}:generateContent, /v2/chat, /model/{model}/converse, GET /v1/models, or a path of /api/v1/openapi.json.',
  ),
  method_not_allowed: row(
    'invalid',
    405,
    'The path exists, but not for this method.',
    'Use the method named in the Allow header.',
  ),
  json_malformed: row(
    'invalid',
    400,
    'The body is not one JSON object.',
    'Send valid JSON; the message gives the byte offset.',
  ),
  json_nul: row('invalid', 400, 'The body contains a NUL byte.', 'Remove it.'),
  utf8_invalid: row('invalid', 400, 'The body is not valid UTF-8.', 'Encode the body as UTF-8.'),
  json_duplicate_key: row(
    'invalid',
    400,
    'A top-level field that decides routing or limits occurs twice.',
    'Send the field once.',
  ),
  json_too_deep: row('invalid', 400, 'The body is nested deeper than 128 levels.', 'Flatten it.'),
  parameter_missing: row('invalid', 400, 'A required field is missing.', 'Add the field that the message names.'),
  parameter_invalid: row(
    'invalid',
    400,
    'A field has a value that cannot be used.',
    'Correct the field that the message names.',
  ),
  schema_too_complex: row(
    'invalid',
    400,
    'A JSON Schema has more parts than can be carried to another dialect.',
    'Send a smaller schema, or use a deployment that speaks your dialect.',
  ),
  translation_unsupported: row(
    'invalid',
    400,
    'The request uses a feature that cannot be carried to the dialect of the deployment.',
    'Use a deployment that speaks your dialect, or leave the feature out.',
  ),
  stored_state_unsupported: row(
    'invalid',
    400,
    'The request names something that a provider stored, or asks to be answered later.',
    'Send the whole conversation as `input`, with `store: false`; leave out what the message names.',
  ),
  tool_output_missing: row(
    'invalid',
    400,
    'A tool was called in `input`, and its output is not there.',
    'Send an item with the output behind each call, with the same `call_id`.',
  ),
  tool_call_missing: row(
    'invalid',
    400,
    'An output in `input` answers no call.',
    'Send the call that it answers before it, with the same `call_id`.',
  ),
  loss_refused: row(
    'invalid',
    400,
    'With x-carrier-strict: 1, a feature that would be lost refuses the request.',
    'Leave the feature out, or drop the header to accept the declared loss.',
  ),
  media_fetch_refused: row(
    'invalid',
    400,
    'Media given by URL may not be fetched for this key, or the fetch broke a guard.',
    'Send the media inline, or let the key fetch them: `mediaFetch`, docs/guides/media.md.',
  ),
  body_too_large: row(
    'too_large',
    413,
    'The body is over the size bound, as sent or once decompressed.',
    'Send less, or raise limits.bodyBytesMax.',
  ),
  media_type_unsupported: row('invalid', 415, 'The content type is not JSON.', 'Send content-type: application/json.'),
  content_coding_unsupported: row(
    'invalid',
    415,
    'The content coding is not identity, gzip, br or zstd.',
    'Use one of these, or none.',
  ),
  headers_too_large: row('too_large', 431, 'The headers are over the size bound.', 'Send fewer or shorter headers.'),
  request_timeout: row(
    'timeout',
    408,
    'The request did not arrive in time.',
    'Send headers and body without long pauses.',
  ),
  framing_invalid: row(
    'invalid',
    400,
    'The HTTP framing is ambiguous or broken; the connection was closed.',
    'Send either Content-Length or chunked, once and well-formed.',
  ),
  header_invalid: row(
    'invalid',
    400,
    'An x-carrier-… header has a value that cannot be used.',
    'Correct the header that the message names.',
  ),
  rate_limited: row(
    'rate',
    429,
    'A limit of the key, its project, its organisation or the route is reached; the message names it.',
    'Wait for Retry-After; `carrier limits` shows where limits stand.',
  ),
  request_over_limit: row(
    'too_large',
    413,
    'The request alone has more tokens than a limit allows in a whole minute or day.',
    'Send less, or raise the limit; waiting does not help.',
  ),
  deployment_rate_limited: row(
    'overloaded',
    503,
    'As many requests or tokens as the deployment or its provider account may have are used up.',
    'Wait for Retry-After, add a candidate to the route, or raise `limits` of the deployment or provider.',
    true,
  ),
  budget_exhausted: row(
    'quota',
    402,
    'A hard budget cannot hold the cost of this request.',
    'Raise the budget, wait for the next period, or ask for fewer output tokens.',
  ),
  budget_unverifiable: row(
    'overloaded',
    503,
    'A hard budget could not be verified in time, because the ledger does not answer.',
    'Retry after a moment; look at the database if it lasts.',
    true,
  ),
  journal_full: row(
    'overloaded',
    503,
    'The journal or its disk has no room, so no request can be admitted safely.',
    'Free disk space or let the shipper catch up; see carrier doctor.',
  ),
  journal_failed: row(
    'overloaded',
    503,
    'The disk of the journal failed, so nothing can be recorded and no request can be admitted safely.',
    'Look for the disk error in the log; see carrier doctor.',
  ),
  draining: row('overloaded', 503, 'This process is shutting down.', 'Retry; another process answers.'),
  overloaded: row(
    'overloaded',
    503,
    'This process holds as many exchanges as it may.',
    'Retry after a moment, or add workers.',
  ),
  no_healthy_deployment: row(
    'overloaded',
    503,
    'Every compliant deployment failed or is cooling down.',
    'Retry after Retry-After; the message lists the attempts.',
  ),
  deployment_saturated: row(
    'overloaded',
    503,
    'Every compliant deployment is full, and none had room for as long as the route lets a request wait.',
    'Retry after Retry-After; raise `queueMs` of the route or limits.concurrency, or add a deployment.',
    true,
  ),
  queue_full: row(
    'overloaded',
    503,
    'Every compliant deployment is full, and as many requests wait for them as may.',
    'Retry after Retry-After; raise limits.concurrency, or add a deployment.',
    true,
  ),
  hedge_lost: row(
    'upstream',
    502,
    'Of a request that was sent to two deployments, the other one answered; this attempt was cancelled.',
    'Nothing to do: no client sees it, and what it cost is the cost of an attempt that failed.',
    true,
  ),
  deadline_exceeded: row(
    'timeout',
    504,
    'The deadline of the exchange passed before an answer.',
    'Raise x-carrier-deadline-ms or the route deadline.',
  ),
  upstream_refused: row('upstream', 502, 'The provider refused the connection.', 'Check its address and status.', true),
  upstream_reset: row('upstream', 502, 'The provider broke the connection before answering.', 'Retry.', true),
  upstream_connect_timeout: row(
    'timeout',
    504,
    'The provider did not accept a connection in time.',
    'Check the network path to the provider.',
    true,
  ),
  upstream_first_byte_timeout: row(
    'timeout',
    504,
    'The provider sent no first byte in time.',
    'Retry, or raise the first-byte deadline of the route.',
    true,
  ),
  upstream_idle_timeout: row(
    'timeout',
    504,
    'The provider stopped sending in the middle of an answer.',
    'Retry.',
    true,
  ),
  upstream_truncated: row(
    'upstream',
    502,
    'The answer ended without its terminal event.',
    'Retry; what arrived is incomplete.',
    true,
  ),
  upstream_malformed: row(
    'upstream',
    502,
    'The provider sent something its dialect does not allow.',
    'Retry; report it to the provider if it lasts.',
    true,
  ),
  upstream_response_too_large: row(
    'upstream',
    502,
    'The answer is over the size bound.',
    'Ask for less, or raise limits.responseBytesMax.',
  ),
  upstream_overloaded: row('overloaded', 503, 'The provider is overloaded.', 'Retry after a moment.', true),
  upstream_rate_limited: row(
    'rate',
    429,
    'The provider limits our account.',
    'Wait for Retry-After, or raise the limit with the provider.',
    true,
  ),
  upstream_quota: row(
    'overloaded',
    503,
    'The account at the provider has no credit.',
    'Top up the account; the operator is alerted.',
    true,
  ),
  upstream_credential: row(
    'upstream',
    502,
    'The provider refused our credential.',
    'The operator must replace the credential of the account.',
    true,
  ),
  upstream_error: row('upstream', 502, 'The provider failed.', 'Retry.', true),
  upstream_invalid: row(
    'invalid',
    400,
    'The provider refused the request as invalid.',
    'Correct what its message names.',
  ),
  upstream_too_large: row(
    'too_large',
    413,
    'The provider refuses a request of this size.',
    'Send less, or use a provider that takes more.',
    true,
  ),
  upstream_not_found: row(
    'not_found',
    404,
    'The provider does not know the target model.',
    'Correct targetModel of the deployment.',
    true,
  ),
  context_overflow: row(
    'context',
    400,
    'The input is longer than the context window of the model.',
    'Shorten the input, or use a model with a larger window.',
  ),
  content_filtered: row(
    'invalid',
    400,
    'The provider refused the content.',
    'Change the content; another provider is not tried, since that would be shopping for a policy.',
  ),
  client_aborted: row(
    'invalid',
    499,
    'The client closed the connection before the answer ended.',
    'Nothing to do; what was delivered is metered.',
  ),
  on_failure_impossible: row(
    'invalid',
    400,
    'What x-carrier-on-failure asks for cannot be had for this request, or on this route.',
    'Ask for what the message leaves, or for `error`; docs/guides/failover.md says what each needs.',
  ),
  setting_not_available: row(
    'invalid',
    400,
    'A setting is known, but its effect is not built yet, so it is refused rather than ignored.',
    'Remove the setting.',
  ),
  configuration_invalid: row(
    'invalid',
    400,
    'The configuration, or a request of the management API, has something wrong in it; nothing was changed.',
    'Correct what is named here; the listing is complete.',
  ),
  revision_conflict: row(
    'invalid',
    409,
    'The configuration was changed by someone else meanwhile.',
    'Look at the difference again and repeat the change.',
  ),
  report_invalid: row(
    'invalid',
    400,
    'A report cannot be made as it was asked for.',
    'Correct the parameter that the message names; docs/guides/reports.md has examples.',
  ),
  report_too_large: row(
    'invalid',
    422,
    'A report would have more rows, pieces of time or work than its bound.',
    'Narrow the period, choose a coarser grain, fewer dimensions or a filter.',
  ),
  reports_busy: row(
    'overloaded',
    503,
    'As many reports are being made as may be at once.',
    'Ask again in a few seconds.',
  ),
  resource_not_found: row('not_found', 404, 'Nothing has this id.', 'List what there is, then name one of these.'),
  exceeds_pending: row(
    'invalid',
    409,
    'More than a pending transfer has set aside was to be posted.',
    'Post at most its amount, and book the rest as a transfer of its own.',
  ),
  pending_resolved: row(
    'invalid',
    409,
    'The pending transfer was posted, was voided or has expired before.',
    'Nothing is left to do; open another under an id of its own if the amount is still to be booked.',
  ),
  resource_exists: row('invalid', 409, 'Something has this name already.', 'Choose another name.'),
  resource_in_use: row(
    'invalid',
    409,
    'Something that stays needs this.',
    'Change or delete what the message names first.',
  ),
  precondition_failed: row(
    'invalid',
    412,
    'The resource is not as If-Match or If-None-Match says: somebody changed it meanwhile.',
    'Read it again, look at the difference, and repeat the change with its new ETag.',
  ),
  key_not_active: row(
    'invalid',
    409,
    'A key that was revoked or has expired gets no new secret.',
    'Create a new key with `carrier keys create`.',
  ),
  webhooks_exhausted: row(
    'invalid',
    409,
    'There are as many webhooks here as there may be.',
    'Remove one that is not needed; one can be told of several events.',
  ),
  secrets_rotating: row(
    'invalid',
    409,
    'Keys of eight rotations are still waiting for their end.',
    'Wait: each ends a day after everything is sealed anew. `carrier secrets` shows them.',
  ),
  master_key_outdated: row(
    'invalid',
    409,
    'The master key was replaced, and a replica still runs with the one before.',
    'Start every replica again with the new master key, then repeat it.',
  ),
  master_key_same: row(
    'invalid',
    409,
    'The new master key is the one that is used already.',
    'Name another secret of 32 characters or more.',
  ),
  key_rotations_open: row(
    'invalid',
    409,
    'Too many secrets of the key are good at the same time.',
    'Wait until one ends, or rotate with a shorter overlap: it ends the ones before, too.',
  ),
  grant_conflict: row(
    'invalid',
    409,
    'A grant of this organisation has this id and other content.',
    'Choose another id, or order just what was ordered before.',
  ),
  grant_expired: row(
    'invalid',
    400,
    'The grant would expire before it could be used.',
    'Let it expire later than now and than it becomes effective.',
  ),
  grant_not_unused: row(
    'invalid',
    409,
    'Only a grant of which nothing was used can be voided.',
    'Refund what is left of it, if it was paid.',
  ),
  grant_not_refundable: row(
    'invalid',
    409,
    'Nothing that was paid is left of this grant.',
    'Look at the wallet: only open paid grants can be refunded.',
  ),
  wallet_held: row(
    'overloaded',
    503,
    'Requests under way hold a part of this grant.',
    'Try again when they have ended.',
  ),
  wallet_full: row(
    'invalid',
    409,
    'A wallet has as many open grants, or grants of different scopes, as it may have.',
    'Let grants be used or expire, or make fewer and larger ones.',
  ),
  admin_key_invalid: row(
    'authentication',
    401,
    'The management API needs the admin key, a login or the token of a service account.',
    'Log in with `carrier login`, or send Authorization: Bearer with a token, or with the key in $CARRIER_DATA/admin.key or CARRIER_ADMIN_KEY.',
  ),
  session_ended: row(
    'authentication',
    401,
    'The login or token has ended: it expired, was revoked, or its owner was disabled.',
    'Log in again, or ask for a new token.',
  ),
  csrf_invalid: row(
    'permission',
    403,
    'A change asked for with a cookie did not come from a page of this server.',
    'Send x-carrier-csrf with the value that GET /api/v1/session gives, from the same origin.',
  ),
  login_failed: row(
    'authentication',
    401,
    'This address, password and code do not go together.',
    'Check all three; whoever forgot theirs asks the operator for a reset.',
  ),
  code_required: row(
    'authentication',
    401,
    'The password is right; this account also needs a code.',
    'Send `code` from the authenticator app, or a recovery code.',
  ),
  code_invalid: row(
    'invalid',
    400,
    'The code is wrong, late or used.',
    'Wait for the next code of the authenticator app; check the clock of the device.',
  ),
  login_throttled: row(
    'rate',
    429,
    'Too many logins failed for this account, or from this address.',
    'Wait as long as Retry-After says.',
  ),
  login_busy: row('overloaded', 503, 'Too many logins are checked at this moment.', 'Try again in a few seconds.'),
  login_way_closed: row(
    'permission',
    403,
    'This way to log in is not open here.',
    'Use another of GET /api/v1/login/ways, or have the operator set `access:` in the configuration.',
  ),
  login_refused: row(
    'permission',
    403,
    'The login provider knows you, but nobody gave you a role here.',
    'Ask an owner for an invitation to the same address, or the operator to map one of your groups.',
  ),
  login_provider_failed: row(
    'upstream',
    502,
    'What the login provider answered cannot be trusted or used.',
    'Begin again; if it stays so, the operator checks `access.oidc` and the provider’s registration of this client.',
  ),
  login_provider_unavailable: row(
    'overloaded',
    503,
    'The login provider does not answer.',
    'Try again later; passwords and the admin key work meanwhile.',
  ),
  login_state_invalid: row(
    'invalid',
    400,
    'This login was not begun in this browser, has ended already, or took too long.',
    'Begin again.',
  ),
  invitation_invalid: row(
    'not_found',
    404,
    'The invitation is not known, was used, was withdrawn or has expired.',
    'Ask for a new one.',
  ),
  password_refused: row(
    'invalid',
    400,
    'The password is too short, too long or too common.',
    'Choose a longer one that nobody else would.',
  ),
  access_conflict: row(
    'invalid',
    409,
    'This is there already, or is not in the state that the change needs.',
    'Look at what there is, then ask for what is still to be done.',
  ),
  permission_denied: row(
    'permission',
    403,
    'Your roles do not allow this.',
    'Ask an owner or the operator for a role that has the permission which the message names.',
  ),
  idempotency_conflict: row(
    'invalid',
    409,
    'The idempotency key came with another request before.',
    'Use a new key for a new request.',
  ),
  usage_event_conflict: row(
    'invalid',
    409,
    'The same source told another usage event under this id before; the first counts.',
    'Give each event an id of its own, derived from what was used; look at the alert, which names both.',
  ),
  store_unavailable: row(
    'overloaded',
    503,
    'The database does not answer; requests to models are served meanwhile.',
    'Bring the database back; see carrier doctor.',
  ),
  process_died: row(
    'internal',
    500,
    'The process that carried the exchange died before its end; what was delivered is metered by rule.',
    'Retry; look at the log of the process if it happens again.',
  ),
  internal: row(
    'internal',
    500,
    'Something broke that should not; the exchange id finds it in the log.',
    'Report it with the exchange id.',
  ),
} as const satisfies Record<string, FaultRow>;

export type FaultCode = keyof typeof faults;

export interface FaultOptions {
  readonly cause?: unknown;
  /** The request field at fault, in the client dialect's spelling, such as `messages.0.content`. */
  readonly parameter?: string;
  /** When to come back, milliseconds; sent as Retry-After, rounded up to seconds. */
  readonly retryAfterMs?: number;
  /** What the provider answered, for the log and for same-dialect relay; never shown across dialects. */
  readonly upstreamStatus?: number;
  /** Model names for `model_ambiguous`, reasons for `no_compliant_deployment`, attempts for `no_healthy_deployment`. */
  readonly listing?: readonly string[];
  /** Where the caller stands with its limits; sent in the headers of its dialect. */
  readonly rateLimits?: readonly RateLimitState[];
  /** Id of the hard budget that is short; not shown by itself. */
  readonly budget?: string;
}

/** A named failure. The message is safe to show: it never contains a key, a prompt or a price. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly parameter: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly upstreamStatus: number | undefined;
  readonly listing: readonly string[] | undefined;
  readonly rateLimits: readonly RateLimitState[] | undefined;
  readonly budget: string | undefined;

  constructor(code: FaultCode, message?: string, options: FaultOptions = {}) {
    super(message ?? faults[code].meaning, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.parameter = options.parameter;
    this.retryAfterMs = options.retryAfterMs;
    this.upstreamStatus = options.upstreamStatus;
    this.listing = options.listing;
    this.rateLimits = options.rateLimits;
    this.budget = options.budget;
  }

  get class(): FaultClass {
    return faults[this.code].class;
  }
  get status(): number {
    return faults[this.code].status;
  }
  get failover(): boolean {
    return faults[this.code].failover;
  }
}
