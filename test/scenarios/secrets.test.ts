import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { signRequest } from '../support/sign-request.ts';
import { readMetrics, sumOf } from './support/at-rest.ts';
import { declareSupply } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

/** What must never be found where it does not belong. Each is a word that nothing else has in it. */
const importedKey = 'ckxImportedKey7Qw3Er9Ty1Ui5Op2As8Df4Gh6Jk0';
const wrongKey = 'ckxWrongKey5Zx2Cv8Bn1Mq7Ws4Ed6Rf9Tg3Yh0Uj';
const openaiCredential = 'sk-proj-ckxOpenai4Hn8Jm2Kl6Pq1Rs9Tv3Wx7Yz5Bc0';
const anthropicCredential = 'sk-ant-api03-ckxAnthropic6Df1Gh5Jk9Lz3Xc7Vb2Nm8Qw4';
const adminKey = 'ckxAdminKey9Rt4Yu7Io2Pa6Sd1Fg5Hj8Kl3Zx0Cv';
const masterKey = 'ckxMasterKey3Bn7Mq1Wd5Er9Ty2Ui6Op4As8Dz0';
const prompt = 'ckxprompt the patient is called Zebedee';
const answer = 'ckxanswer the diagnosis is secret';

let emulator: Emulator;
let carrier: Carrier;
let mintedKey: string;
let webhookSecret: string;
let secondWebhookSecret: string;
let accountToken: string;
/** What clients were told when something failed. */
const errors: string[] = [];

before(async () => {
  emulator = await startEmulator({ apiKeys: [openaiCredential, anthropicCredential] });
  const { yaml } = declareSupply({
    emulatorUrl: emulator.url,
    project: ['budget: { limit: "1000", period: month, hard: true }'],
    more: ['routes:', '  once: { candidates: [ { deployment: gpt-5-us } ], retries: 0, idleTimeoutMs: 500 }'],
  });
  carrier = await startCarrier({
    yaml,
    env: {
      ACME_KEY: importedKey,
      OPENAI_API_KEY: openaiCredential,
      ANTHROPIC_API_KEY: anthropicCredential,
      CARRIER_ADMIN_KEY: adminKey,
      CARRIER_MASTER_KEY: masterKey,
    },
    flags: ['--webhooks-allow-addresses=127.0.0.1/32', '--log-level=trace', '--limits-body-idle-timeout-ms=500'],
  });
  const created = await carrier.command(
    'keys',
    'create',
    '--project',
    'acme/web',
    '--name',
    'minted',
    '--sigv4',
    '--json',
  );
  mintedKey = JSON.parse(created.stdout).secret;
  assert.match(mintedKey, /^cck_/);
  await rotateEverything();
  await useEverything();
});
after(() => emulator.stop());

const chatBody = (more: object = {}) =>
  JSON.stringify({
    model: 'openai/gpt-5',
    messages: [
      { role: 'system', content: prompt },
      { role: 'user', content: `say exactly: ${answer}` },
    ],
    tools: [{ type: 'function', function: { name: 'note', description: prompt, parameters: { type: 'object' } } }],
    ...more,
  });
const messagesBody = (more: object = {}) =>
  JSON.stringify({
    model: 'anthropic/claude-sonnet-5',
    max_tokens: 100,
    system: prompt,
    messages: [{ role: 'user', content: `say exactly: ${answer}` }],
    ...more,
  });

async function send(path: string, body: string, headers: Record<string, string>): Promise<Response> {
  const response = await fetch(carrier.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', ...headers },
    body,
  });
  const text = await response
    .clone()
    .text()
    .catch(() => '');
  if (response.status !== 200 || text.includes('"error"'))
    errors.push(`${JSON.stringify([...response.headers])} ${text}`);
  return response;
}

/** Secrets of every other kind are made, and all of them sealed under another key; requests are served with what came of it. */
async function rotateEverything(): Promise<void> {
  const webhook = await carrier.api('POST', '/api/v1/webhooks', { url: 'http://127.0.0.1:9/', organisation: 'acme' });
  webhookSecret = webhook.json.secret;
  secondWebhookSecret = (await carrier.api('POST', `/api/v1/webhooks/${webhook.json.id}/rotate`, {})).json.secret;
  assert.match(`${webhookSecret} ${secondWebhookSecret}`, /^whsec_\S{44} whsec_\S{44}$/);
  const tested = await carrier.api('POST', `/api/v1/webhooks/${webhook.json.id}/test`, {});
  assert.match(tested.json.error, /ECONNREFUSED/);
  const account = await carrier.api('POST', '/api/v1/service-accounts', { name: 'robot', organisation: 'acme' });
  accountToken = (await carrier.api('POST', `/api/v1/service-accounts/${account.json.id}/tokens`, {})).json.token;
  assert.match(accountToken, /^cca_/);

  const { id } = (await carrier.api('POST', '/api/v1/secrets/rotate', {})).json;
  await until('everything is sealed under the new key', async () => {
    const { json } = await carrier.api('GET', '/api/v1/jobs');
    const job = json.items.find(({ name }: { name: string }) => name === 'secrets-reseal');
    const snapshot = readFileSync(join(carrier.dataDirectory, 'snapshot.json'), 'utf8');
    return job.result?.resealed === 5 && snapshot.includes(`v2.${id}.`) ? true : undefined;
  });
}

/** As AWS SDKs ask: over HTTP/2, signed with the id of the minted key. Status and fault. */
async function sendSigned(path: string, body: string, secret: string): Promise<readonly unknown[]> {
  const session = connect(carrier.url);
  const host = new URL(carrier.url).host;
  const keyId = mintedKey.slice(4, 12);
  const { host: _host, ...headers } = signRequest({ keyId, secret, atMs: Date.now(), url: path, host, body });
  const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
  stream.end(body);
  const [answered] = await once(stream, 'response');
  if (answered[':status'] !== 200) errors.push(Buffer.concat(await stream.toArray()).toString());
  session.destroy();
  return [answered[':status'], answered['x-carrier-fault']];
}

/** Everything that carries a secret or a prompt anywhere: answers, refusals, failures and a crash. */
async function useEverything(): Promise<void> {
  const bearer = { authorization: `Bearer ${importedKey}` };
  const ways: readonly (readonly [string, (more?: object) => string])[] = [
    ['/v1/chat/completions', chatBody],
    ['/v1/messages', messagesBody],
  ];
  for (const [path, body] of ways) {
    for (const stream of [false, true]) {
      for (const model of ['openai/gpt-5', 'anthropic/claude-sonnet-5']) {
        assert.equal((await send(path, body({ model, stream }), bearer)).status, 200);
      }
    }
    assert.equal((await send(path, body(), { 'x-api-key': mintedKey })).status, 200);
    assert.deepEqual(await sendSigned(path, body(), mintedKey), [200, undefined]);
    assert.deepEqual(await sendSigned(path, body(), wrongKey), [401, 'signature_invalid']);
    assert.equal((await send(`${path}?key=${importedKey}`, body(), {})).status, 200);
    // Refused by us, at every place that has read something.
    await send(path, body(), { authorization: `Bearer ${wrongKey}` });
    await send(`${path}?key=${wrongKey}`, body(), {});
    await send(`${path}/nowhere?key=${importedKey}`, body(), bearer);
    await send(path, `${body()}${prompt}`, bearer);
    await send(path, body({ stream: prompt }), bearer);
    await send(path, body({ max_tokens: prompt }), bearer);
    await send(path, body({ model: 'nobody/has-this' }), bearer);
    await send(path, body(), { ...bearer, 'x-carrier-tags': prompt });
    await send(path, body(), { ...bearer, 'x-carrier-zones': prompt });
    await send(path, body(), { ...bearer, 'content-encoding': 'gzip' });
    // Refused or broken by the provider, in words that repeat what it was given.
    for (const script of [
      `status=400;message=cannot read ${prompt}`,
      `status=401;message=Incorrect API key provided: ${openaiCredential} of ${anthropicCredential}`,
      `status=403;message=key ${openaiCredential} may not`,
      `status=429;code=insufficient_quota;message=account of ${openaiCredential} is empty`,
      `status=500;message=failed at ${prompt} for ${openaiCredential}`,
      `status=404;message=no such ${prompt}`,
      'error-after=1',
      'cut-after=3',
      'malformed-after=1',
      'reset',
    ]) {
      emulator.script(script);
      await send(path, body({ stream: true }), bearer).catch(() => undefined);
      emulator.script(script);
      await send(path, body(), bearer).catch(() => undefined);
    }
    emulator.replaceRules([]);
  }
  // Refused by the management API.
  for (const key of [wrongKey, importedKey, masterKey]) {
    const response = await fetch(`${carrier.url}/api/v1/keys`, { headers: { authorization: `Bearer ${key}` } });
    errors.push(await response.text());
  }
  const broken = await carrier.api('POST', '/api/v1/apply', {
    providers: { openai: { credential: openaiCredential } },
  });
  errors.push(broken.text.replaceAll(prompt, ''));

  // A worker dies in the middle of a stream.
  emulator.replaceRules(['pace=30ms;tokens=300']);
  const cut = fetch(`${carrier.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...bearer, 'content-type': 'application/json' },
    body: chatBody({ stream: true }),
  });
  const response = await cut;
  await response.body!.getReader().read();
  process.kill(carrier.workerProcessIds()[0]!, 'SIGKILL');
  emulator.replaceRules([]);
  await until('the worker is replaced and all is shipped', async () => {
    const metrics = await readMetrics(carrier).catch(() => undefined);
    if (metrics === undefined || sumOf(metrics, 'carrier_worker_restarts_total') === 0) return undefined;
    return sumOf(metrics, 'carrier_workers_ready') === 1 && sumOf(metrics, 'carrier_shipper_lag_records') === 0
      ? true
      : undefined;
  });
  assert.equal((await send('/v1/chat/completions', chatBody(), bearer)).status, 200);
}

function secrets(): Readonly<Record<string, string>> {
  return {
    importedKey,
    wrongKey,
    openaiCredential,
    anthropicCredential,
    adminKey,
    masterKey,
    mintedKey,
    webhookSecret: webhookSecret.slice('whsec_'.length),
    secondWebhookSecret: secondWebhookSecret.slice('whsec_'.length),
    accountToken,
  };
}

/** The forms in which a secret could be found, with what each is. */
function needles(words: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(words).flatMap(([name, word]) => {
    const bytes = Buffer.from(word);
    return [
      [name, word],
      // The last letter of unpadded base64 may differ with what follows.
      [`${name} in base64`, bytes.toString('base64').replace(/=+$/, '').slice(0, -1)],
      [`${name} in hexadecimal`, bytes.toString('hex')],
      // An unkeyed hash of a short secret is the secret, to whoever can guess.
      [`hash of ${name}`, createHash('sha256').update(bytes).digest('hex')],
    ] as const;
  });
}

const prompts = { prompt: 'ckxprompt', patient: 'Zebedee', answer: 'ckxanswer' };

function assertAbsent(where: string, text: string, words: Readonly<Record<string, string>>): void {
  for (const [name, needle] of needles(words)) {
    const at = text.indexOf(needle);
    if (at === -1) continue;
    const around = text.slice(Math.max(0, at - 200), at + needle.length + 60);
    assert.fail(`${name} is in ${where}: …${around}…`);
  }
}

test('no secret and no prompt is in the log, at its most talkative', async () => {
  const log = carrier.lines.join('\n');

  assert.ok(carrier.lines.filter(line => line.includes('"msg":"exchange"')).length > 20);
  assertAbsent('the log', log, { ...secrets(), ...prompts });
});

test('no secret is in an error, and no prompt in one that is ours', () => {
  assert.ok(errors.length > 30);
  assertAbsent('what clients were told', errors.join('\n'), secrets());
  // What a provider says about a request goes to the client that sent it, as it is.
  const ours = errors.filter(
    error => !error.includes('"x-carrier-deployment"') || /upstream_(?:credential|quota|not_found)/.test(error),
  );
  assertAbsent('our own words', ours.join('\n'), prompts);
});

test('no secret and no prompt is in the metrics', async () => {
  const text = await (await fetch(`${carrier.url}/metrics`)).text();

  assert.match(text, /carrier_exchanges_total/);
  assertAbsent('the metrics', text, { ...secrets(), ...prompts });
});

test('no secret and no prompt is in what the management API shows', async () => {
  const shown: string[] = [];
  const aDayAgo = new Date(Date.now() - 86_400_000).toISOString();
  const { json: document } = await carrier.api('GET', '/api/v1/openapi.json');
  const paths = Object.entries(document.paths as Record<string, object>)
    // Not what belongs to a browser or a person: the admin key has no login and no account.
    .filter(([path, operations]) => 'get' in operations && !/\{|\/login\/|\/account\//.test(path))
    .map(([path]) => path);
  assert.ok(paths.length >= 8);
  for (const path of paths) {
    const asked = path.endsWith('/usage') ? '?by=key' : /decisions$|anchors$/.test(path) ? `?from=${aDayAgo}` : '';
    const response = await fetch(`${carrier.url}${path}${asked}`, { headers: { authorization: `Bearer ${adminKey}` } });
    assert.equal(response.status, 200, path);
    shown.push(await response.text());
  }
  const { json: listed } = await carrier.api('GET', '/api/v1/exchanges?limit=100');
  assert.ok(listed.items.length > 20);
  for (const { id } of listed.items) shown.push((await carrier.api('GET', `/api/v1/exchanges/${id}`)).text);

  assertAbsent('the management API', shown.join('\n'), { ...secrets(), ...prompts });
});

test('no secret is in the command line of a process, nor in the environment of a worker', () => {
  const family = descendants(carrier.processId);

  assert.ok(family.length >= 1);
  for (const id of [carrier.processId, ...family]) {
    assertAbsent(`the command line of ${id}`, readFileSync(`/proc/${id}/cmdline`, 'latin1'), secrets());
  }
  for (const id of family) {
    assertAbsent(`the environment of ${id}`, readFileSync(`/proc/${id}/environ`, 'latin1'), secrets());
  }
});

test('no secret and no prompt is in any row of the database', async () => {
  const client = new pg.Client({ connectionString: carrier.databaseUrl! });
  await client.connect();
  try {
    const { rows: tables } = await client.query(
      `select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    let rows = 0;
    for (const { name } of tables) {
      const { rows: texts } = await client.query(`select t::text as text from ${name} t`);
      rows += texts.length;
      // bytea shows as hexadecimal, which is among the forms looked for.
      assertAbsent(`table ${name}`, texts.map(row => row.text).join('\n'), { ...secrets(), ...prompts });
    }
    assert.ok(rows > 100);
  } finally {
    await client.end();
  }
});

test('no secret and no prompt is in a file of the data directory, and others may read none of them', () => {
  const files = readdirSync(carrier.dataDirectory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name));

  assert.ok(files.some(file => file.endsWith('snapshot.json')));
  assert.ok(files.some(file => file.includes('journal')));
  for (const file of files) {
    assertAbsent(file, readFileSync(file, 'latin1'), { ...secrets(), ...prompts });
    assert.equal(statSync(file).mode & 0o077, 0, `${file} may be read by others`);
  }
});

/** Of all generations. */
function descendants(ancestor: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = readFileSync(`/proc/${name}/stat`, 'utf8');
      // The command's name stands in parentheses and may contain anything; the parent is the second field after it.
      parents.set(Number(name), Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // Gone meanwhile.
    }
  }
  const isBelow = (id: number): boolean => {
    const parent = parents.get(id);
    return parent === ancestor || (parent !== undefined && parent > 1 && isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}
