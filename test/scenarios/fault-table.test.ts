import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FaultCode, faults } from '../../src/completion/fault.ts';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { assertAtRest } from './support/at-rest.ts';
import { acmeKey } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';

/** What one dialect says: status, `error.type`, and in chat `error.code`. */
type Chat = readonly [status: number, type: string, code: string | null];
type Messages = readonly [status: number, type: string];

interface Row {
  readonly chat: Chat;
  readonly messages: Messages;
  readonly send: (dialect: 'chat' | 'messages') => Sent;
}

interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** A model, or the whole body. */
  readonly model?: string;
  readonly body?: string | Buffer;
}

/** More values than a schema may have. */
const hugeSchema = JSON.stringify({ type: 'object', anyOf: Array.from({ length: 60_000 }, () => 1) });

const json = (model: string, more = '') =>
  `{"model":"${model}","max_tokens":10,"messages":[{"role":"user","content":"hello"}]${more}}`;
const model = (name: string) => () => ({ model: name });
const body = (text: string | Buffer) => () => ({ body: text });
const header = (name: string, value: string) => () => ({ headers: { [name]: value } });

const expiredKey = 'expired-secret-expired-secret-expired-0';
const revokedKey = 'revoked-secret-revoked-secret-revoked-0';
const narrowKey = 'narrow-secret-narrow-secret-narrow-sec-0';
const elsewhereKey = 'elsewhere-secret-elsewhere-secret-elsew-0';
const pageKey = 'page-secret-page-secret-page-secret-page-0';
const poorKey = 'poor-secret-poor-secret-poor-secret-poor-0';

const rows: Partial<Record<FaultCode, Row>> = {
  key_missing: {
    chat: [401, 'invalid_request_error', 'invalid_api_key'],
    messages: [401, 'authentication_error'],
    send: () => ({ key: undefined, model: 'good' }),
  },
  key_invalid: {
    chat: [401, 'invalid_request_error', 'invalid_api_key'],
    messages: [401, 'authentication_error'],
    send: () => ({ key: 'cck_00000000_0000000000000000000000000000000000000000000', model: 'good' }),
  },
  key_revoked: {
    chat: [401, 'invalid_request_error', 'invalid_api_key'],
    messages: [401, 'authentication_error'],
    send: () => ({ key: revokedKey, model: 'good' }),
  },
  key_expired: {
    chat: [401, 'invalid_request_error', 'invalid_api_key'],
    messages: [401, 'authentication_error'],
    send: () => ({ key: expiredKey, model: 'good' }),
  },
  key_address_refused: {
    chat: [403, 'invalid_request_error', null],
    messages: [403, 'permission_error'],
    send: () => ({ key: elsewhereKey, model: 'good' }),
  },
  key_origin_refused: {
    chat: [403, 'invalid_request_error', null],
    messages: [403, 'permission_error'],
    send: () => ({ key: pageKey, model: 'good' }),
  },
  model_not_allowed: {
    chat: [403, 'invalid_request_error', null],
    messages: [403, 'permission_error'],
    send: () => ({ key: narrowKey, model: 'bad' }),
  },
  no_compliant_deployment: {
    chat: [403, 'invalid_request_error', null],
    messages: [403, 'permission_error'],
    send: header('x-carrier-zones', 'EU'),
  },
  model_not_found: {
    chat: [404, 'invalid_request_error', 'model_not_found'],
    messages: [404, 'not_found_error'],
    send: model('nobody/has-this'),
  },
  model_ambiguous: {
    chat: [404, 'invalid_request_error', 'model_ambiguous'],
    messages: [404, 'not_found_error'],
    send: model('twin'),
  },
  path_not_found: {
    chat: [404, 'invalid_request_error', null],
    messages: [404, 'not_found_error'],
    send: dialect => ({ path: dialect === 'chat' ? '/v1/chat/complete' : '/v1/messages/more', model: 'good' }),
  },
  method_not_allowed: {
    chat: [405, 'invalid_request_error', null],
    messages: [405, 'invalid_request_error'],
    send: () => ({ method: 'PUT', model: 'good' }),
  },
  json_malformed: {
    chat: [400, 'invalid_request_error', null],
    messages: [400, 'invalid_request_error'],
    send: body('{"model":"good",}'),
  },
  json_nul: {
    chat: [400, 'invalid_request_error', null],
    messages: [400, 'invalid_request_error'],
    send: body('{"model":"good","x":"\0"}'),
  },
  utf8_invalid: {
    chat: [400, 'invalid_request_error', null],
    messages: [400, 'invalid_request_error'],
    send: body(Buffer.from('{"model":"good","x":"\xc3"}', 'latin1')),
  },
  json_duplicate_key: {
    chat: [400, 'invalid_request_error', null],
    messages: [400, 'invalid_request_error'],
    send: body(json('good', ',"m\\u006fdel":"bad"')),
  },
  json_too_deep: {
    chat: [400, 'invalid_request_error', null],
    messages: [400, 'invalid_request_error'],
    send: body(json('good', `,"x":${'['.repeat(128)}${']'.repeat(128)}`)),
  },
  parameter_missing: {
    chat: [400, 'invalid_request_error', 'missing_required_parameter'],
    messages: [400, 'invalid_request_error'],
    send: body('{"messages":[]}'),
  },
  parameter_invalid: {
    chat: [400, 'invalid_request_error', 'invalid_value'],
    messages: [400, 'invalid_request_error'],
    send: body('{"model":5,"max_tokens":10,"messages":[]}'),
  },
  translation_unsupported: {
    chat: [400, 'invalid_request_error', 'unsupported_parameter'],
    messages: [400, 'invalid_request_error'],
    send: dialect =>
      dialect === 'chat'
        ? { body: json('messages-only', ',"n":2') }
        : { body: json('chat-only', ',"mcp_servers":[{"type":"url","name":"a","url":"https://example.com"}]') },
  },
  schema_too_complex: {
    chat: [400, 'invalid_request_error', null],
    messages: [400, 'invalid_request_error'],
    send: dialect =>
      dialect === 'chat'
        ? {
            body: json(
              'messages-only',
              `,"tools":[{"type":"function","function":{"name":"a","parameters":${hugeSchema}}}]`,
            ),
          }
        : { body: json('chat-only', `,"tools":[{"name":"a","input_schema":${hugeSchema}}]`) },
  },
  loss_refused: {
    chat: [400, 'invalid_request_error', null],
    messages: [400, 'invalid_request_error'],
    send: dialect => ({
      headers: { 'x-carrier-strict': '1' },
      body: dialect === 'chat' ? json('messages-only', ',"seed":7') : json('chat-only', ',"top_k":7'),
    }),
  },
  body_too_large: {
    chat: [413, 'invalid_request_error', null],
    messages: [413, 'request_too_large'],
    send: body(json('good', `,"x":"${'x'.repeat(1_100_000)}"`)),
  },
  media_type_unsupported: {
    chat: [415, 'invalid_request_error', null],
    messages: [415, 'invalid_request_error'],
    send: header('content-type', 'text/plain'),
  },
  content_coding_unsupported: {
    chat: [415, 'invalid_request_error', null],
    messages: [415, 'invalid_request_error'],
    send: header('content-encoding', 'compress'),
  },
  header_invalid: {
    chat: [400, 'invalid_request_error', null],
    messages: [400, 'invalid_request_error'],
    send: header('x-carrier-deadline-ms', 'soon'),
  },
  on_failure_impossible: {
    chat: [400, 'invalid_request_error', null],
    messages: [400, 'invalid_request_error'],
    // Of a route that makes one attempt only.
    send: () => ({ body: json('good', ',"stream":true'), headers: { 'x-carrier-on-failure': 'restart' } }),
  },
  budget_exhausted: {
    chat: [429, 'insufficient_quota', 'insufficient_quota'],
    messages: [402, 'billing_error'],
    send: () => ({ key: poorKey, model: 'good' }),
  },
  no_healthy_deployment: {
    chat: [503, 'server_error', null],
    messages: [529, 'overloaded_error'],
    send: model('both-bad'),
  },
  deadline_exceeded: {
    chat: [504, 'server_error', null],
    messages: [504, 'timeout_error'],
    send: () => ({ model: 'silent', headers: { 'x-carrier-deadline-ms': '100' } }),
  },
  upstream_refused: {
    chat: [502, 'server_error', null],
    messages: [502, 'api_error'],
    send: model('refused'),
  },
  upstream_reset: {
    chat: [502, 'server_error', null],
    messages: [502, 'api_error'],
    send: model('reset'),
  },
  upstream_first_byte_timeout: {
    chat: [504, 'server_error', null],
    messages: [504, 'timeout_error'],
    send: model('silent'),
  },
  upstream_idle_timeout: {
    chat: [504, 'server_error', null],
    messages: [504, 'timeout_error'],
    send: model('stuck'),
  },
  upstream_truncated: {
    chat: [502, 'server_error', null],
    messages: [502, 'api_error'],
    send: model('cut'),
  },
  upstream_malformed: {
    chat: [502, 'server_error', null],
    messages: [502, 'api_error'],
    send: model('malformed'),
  },
  // From here on clients of the provider's dialect see its own words, where they are about the request.
  upstream_overloaded: {
    chat: [503, 'server_error', null],
    messages: [503, 'api_error'],
    send: model('overloaded'),
  },
  upstream_rate_limited: {
    chat: [429, 'requests', 'rate_limit_exceeded'],
    messages: [429, 'rate_limit_error'],
    send: model('limited'),
  },
  upstream_quota: {
    chat: [503, 'server_error', null],
    messages: [529, 'overloaded_error'],
    send: model('broke'),
  },
  upstream_credential: {
    chat: [502, 'server_error', null],
    messages: [502, 'api_error'],
    send: model('locked'),
  },
  upstream_error: {
    chat: [500, 'server_error', null],
    messages: [500, 'api_error'],
    send: model('bad'),
  },
  upstream_invalid: {
    chat: [400, 'invalid_request_error', 'invalid_value'],
    messages: [400, 'invalid_request_error'],
    send: model('picky'),
  },
  upstream_too_large: {
    chat: [413, 'invalid_request_error', null],
    messages: [413, 'request_too_large'],
    send: model('narrow'),
  },
  upstream_not_found: {
    chat: [404, 'invalid_request_error', 'model_not_found'],
    messages: [404, 'not_found_error'],
    send: model('unknown'),
  },
  context_overflow: {
    chat: [400, 'invalid_request_error', 'context_length_exceeded'],
    messages: [400, 'invalid_request_error'],
    send: model('full'),
  },
};

/** Codes that one request at this carrier cannot provoke, and the test that does. */
const elsewhere: Readonly<Partial<Record<FaultCode, string>>> = {
  media_fetch_refused: 'test/scenarios/media.test.ts',
  key_cannot_sign: 'test/gateway/sigv4.test.ts',
  signature_unsupported: 'test/gateway/sigv4.test.ts',
  signature_expired: 'test/gateway/sigv4.test.ts',
  signature_invalid: 'test/gateway/sigv4.test.ts',
  signature_malformed: 'src/gateway/sigv4/sigv4.test.ts',
  stored_state_unsupported: 'test/gateway/responses.test.ts',
  tool_call_missing: 'test/gateway/responses.test.ts',
  tool_output_missing: 'src/dialects/cases.test.ts',
  policy_not_allowed: 'test/gateway/policies.test.ts',
  master_key_outdated: 'src/control/keyring.test.ts',
  master_key_same: 'src/control/keyring.test.ts',
  secrets_rotating: 'src/control/keyring.test.ts',
  webhooks_exhausted: 'src/webhooks/webhooks.test.ts',
  exceeds_pending: 'src/ledger/pending.test.ts',
  pending_resolved: 'src/cli/ledger.test.ts',
  grant_conflict: 'src/billing/wallets.test.ts',
  grant_expired: 'src/billing/wallets.test.ts',
  grant_not_refundable: 'src/billing/wallets.test.ts',
  grant_not_unused: 'src/billing/wallets.test.ts',
  wallet_full: 'src/billing/wallets.test.ts',
  wallet_held: 'src/billing/wallet-desk.test.ts',
  report_invalid: 'src/reports/report.test.ts',
  report_too_large: 'src/reports/report.test.ts',
  reports_busy: 'src/reports/report.test.ts',
  usage_event_conflict: 'test/scenarios/usage-events.test.ts',
  rate_limited: 'test/gateway/limits.test.ts',
  request_over_limit: 'test/gateway/limits.test.ts',
  deployment_rate_limited: 'test/gateway/limits.test.ts',
  headers_too_large: 'test/scenarios/hostile-clients.test.ts',
  request_timeout: 'test/scenarios/hostile-clients.test.ts',
  framing_invalid: 'test/scenarios/hostile-clients.test.ts',
  budget_unverifiable: 'test/scenarios/database-outage.test.ts',
  journal_full: 'src/journal/file-journal.test.ts',
  journal_failed: 'src/journal/file-journal.test.ts',
  draining: 'test/gateway/exchange.test.ts',
  overloaded: 'test/scenarios/hostile-clients.test.ts',
  deployment_saturated: 'test/scenarios/concurrency-across-workers.test.ts',
  queue_full: 'src/gateway/deployment-gate.test.ts',
  hedge_lost: 'test/gateway/before-content.test.ts',
  upstream_connect_timeout: 'test/gateway/failover.test.ts',
  upstream_response_too_large: 'test/scenarios/hostile-providers.test.ts',
  content_filtered: 'src/dialects/fault.test.ts',
  client_aborted: 'the client is gone',
  configuration_invalid: 'test/scenarios/configuration.test.ts',
  setting_not_available: 'test/scenarios/settings.test.ts',
  revision_conflict: 'src/control/control.test.ts',
  resource_not_found: 'src/admin/app.test.ts',
  resource_exists: 'src/admin/app.test.ts',
  resource_in_use: 'src/admin/resources.test.ts',
  precondition_failed: 'src/admin/resources.test.ts',
  key_rotated: 'src/admin/key-rotation.test.ts',
  key_not_active: 'src/admin/key-rotation.test.ts',
  key_rotations_open: 'src/admin/key-rotation.test.ts',
  admin_key_invalid: 'src/admin/app.test.ts',
  permission_denied: 'test/access/routes.test.ts',
  access_conflict: 'test/access/routes.test.ts',
  session_ended: 'test/access/login.test.ts',
  csrf_invalid: 'test/access/login.test.ts',
  login_failed: 'test/access/login.test.ts',
  code_required: 'test/access/login.test.ts',
  code_invalid: 'test/access/login.test.ts',
  login_throttled: 'test/access/login.test.ts',
  login_way_closed: 'test/access/login.test.ts',
  invitation_invalid: 'test/access/login.test.ts',
  password_refused: 'test/access/login.test.ts',
  login_busy: 'src/access/room.test.ts',
  login_refused: 'test/access/oidc.test.ts',
  login_state_invalid: 'test/access/oidc.test.ts',
  login_provider_failed: 'test/access/oidc.test.ts',
  login_provider_unavailable: 'test/access/oidc.test.ts',
  idempotency_conflict: 'src/admin/app.test.ts',
  store_unavailable: 'test/scenarios/database-outage.test.ts',
  process_died: 'src/journal/orphan.test.ts',
  internal: 'nothing may',
};

/** Of the emulator, by target model. */
const scripts: Readonly<Record<string, string>> = {
  bad: 'status=500',
  silent: 'hang',
  reset: 'reset',
  stuck: 'hang-after=40',
  cut: 'cut-after=40',
  malformed: 'malformed-after=40',
  overloaded: 'status=503',
  limited: 'status=429',
  broke: 'status=429;code=insufficient_quota',
  locked: 'status=401',
  picky: 'status=400',
  narrow: 'status=413',
  unknown: 'status=404',
  full: 'status=400;code=context_length_exceeded',
};

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({
    rules: Object.entries(scripts).map(([name, script]) => `model=${name};${script}`),
  });
  carrier = await startCarrier({
    yaml: supply(emulator.url),
    env: {
      ACME_KEY: acmeKey,
      EXPIRED_KEY: expiredKey,
      REVOKED_KEY: revokedKey,
      NARROW_KEY: narrowKey,
      POOR_KEY: poorKey,
      ELSEWHERE_KEY: elsewhereKey,
      PAGE_KEY: pageKey,
      UPSTREAM_KEY: 'upstream-secret',
    },
    flags: ['--limits-body-bytes-max=1048576'],
  });
});
after(() => emulator.stop());

function supply(url: string): string {
  const names = ['good', ...Object.keys(scripts)];
  const prices =
    'currency: USD, rates: { "emulated/*": { input: "1.00", output: "2.00" }, "other/*": { input: "1.00", output: "2.00" } }';
  const policy = 'retries: 0, firstByteTimeoutMs: 400, idleTimeoutMs: 400';
  return [
    'providers:',
    `  both: { kind: emulated, dialects: [ openai-chat, anthropic-messages ], baseUrl: "${url}", credential: env:UPSTREAM_KEY }`,
    `  chat: { dialect: openai-chat, baseUrl: "${url}/v1", credential: env:UPSTREAM_KEY }`,
    `  messages: { dialect: anthropic-messages, baseUrl: "${url}", credential: env:UPSTREAM_KEY }`,
    '  gone: { kind: emulated, dialects: [ openai-chat, anthropic-messages ], baseUrl: "http://127.0.0.1:1" }',
    'deployments:',
    ...names.map(
      name =>
        `  d-${name}: { provider: both, model: emulated/${name}, targetModel: ${name}, zones: { processing: US } }`,
    ),
    '  d-refused: { provider: gone, model: emulated/refused }',
    '  twin-a: { provider: both, model: emulated/twin }',
    '  twin-b: { provider: both, model: other/twin }',
    '  d-chat: { provider: chat, model: emulated/chat-only }',
    '  d-messages: { provider: messages, model: emulated/messages-only }',
    'routes:',
    ...[...names, 'refused'].map(name => `  ${name}: { candidates: [ { deployment: d-${name} } ], ${policy} }`),
    '  both-bad: { candidates: [ { deployment: d-bad }, { deployment: d-refused } ], retries: 1 }',
    `prices: { sell: { ${prices} }, buy: { ${prices} } }`,
    'organisations:',
    '  acme:',
    '    projects:',
    '      web:',
    '        keys:',
    '          ci: { secret: env:ACME_KEY }',
    '          old: { secret: env:EXPIRED_KEY, expiresAt: "2026-01-01T00:00:00Z" }',
    '          gone: { secret: env:REVOKED_KEY, revoked: true }',
    '          narrow: { secret: env:NARROW_KEY, allow: [ good, emulated/good ] }',
    '          elsewhere: { secret: env:ELSEWHERE_KEY, addresses: [ 203.0.113.0/24 ] }',
    '          page: { secret: env:PAGE_KEY, origins: [ https://app.example.com ] }',
    '          poor: { secret: env:POOR_KEY, budget: { limit: "0.000001", period: month, hard: true } }',
    '',
  ].join('\n');
}

for (const [code, row] of Object.entries(rows)) {
  for (const dialect of ['chat', 'messages'] as const) {
    test(`${code} in ${dialect}: ${row[dialect].join(' ')}`, async () => {
      const { status, fault, body } = await send(dialect, row.send(dialect));

      assert.equal(fault, code, JSON.stringify(body));
      if (dialect === 'chat') {
        const [expected, type, word] = row.chat;
        assert.deepEqual(Object.keys(body), ['error']);
        assert.equal(typeof body.error.message, 'string');
        assert.deepEqual([status, body.error.type, body.error.code], [expected, type, word]);
      } else {
        assert.equal(body.type, 'error');
        assert.equal(typeof body.error.message, 'string');
        assert.match(body.request_id, /^(ex|req)_/);
        assert.deepEqual([status, body.error.type], row.messages);
      }
    });
  }
}

/** Sent again while a busy machine keeps the budget from being verified in time. */
async function send(dialect: 'chat' | 'messages', sent: Sent, triesLeft = 5): ReturnType<typeof sendOnce> {
  const answer = await sendOnce(dialect, sent);
  return answer.fault === 'budget_unverifiable' && triesLeft > 0 ? send(dialect, sent, triesLeft - 1) : answer;
}

async function sendOnce(dialect: 'chat' | 'messages', sent: Sent) {
  const key = 'key' in sent ? sent.key : acmeKey;
  const authorization: Record<string, string> =
    key === undefined ? {} : dialect === 'chat' ? { authorization: `Bearer ${key}` } : { 'x-api-key': key };
  const content = sent.body ?? json(sent.model ?? 'good');
  const path = sent.path ?? (dialect === 'chat' ? '/v1/chat/completions' : '/v1/messages');
  const response = await fetch(carrier.url + path, {
    method: sent.method ?? 'POST',
    headers: { 'content-type': 'application/json', ...authorization, ...sent.headers },
    body: typeof content === 'string' ? content : new Uint8Array(content),
  });
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
  assert.match(response.headers.get('x-carrier-exchange-id') ?? '', /^ex_[0-9A-HJKMNP-TV-Z]{26}$/);
  // What JSON.parse returns, for literal comparisons.
  const body = JSON.parse(await response.text());
  return { status: response.status, fault: response.headers.get('x-carrier-fault'), body };
}

test('every fault is provoked here, or it is said where', () => {
  const named = [...Object.keys(rows), ...Object.keys(elsewhere)].sort();

  assert.deepEqual(named, Object.keys(faults).sort());
});

test('nothing of it is left open, and what was admitted is in the ledger', async () => {
  assert.ok((await assertAtRest(carrier)) > 30);
});
