import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply, providerKey } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

let emulator: Emulator;
let carrier: Carrier;
let yaml: string;

before(async () => {
  emulator = await startEmulator({ apiKeys: [providerKey] });
  const supply = declareSupply({ emulatorUrl: emulator.url });
  yaml = supply.yaml;
  carrier = await startCarrier({ ...supply, workers: 2 });
});
after(() => emulator.stop());

/** Connections are not kept, so that requests reach both workers. */
function ask(key: string, model = 'openai/gpt-5'): Promise<Response> {
  return fetch(`${carrier.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
  });
}

async function statusOf(key: string, model?: string): Promise<number> {
  const response = await ask(key, model);
  await response.arrayBuffer();
  return response.status;
}

/** The status that each of so many requests got, counted. */
async function statuses(key: string, count: number, model?: string): Promise<Readonly<Record<string, number>>> {
  const all = await Promise.all(Array.from({ length: count }, () => statusOf(key, model)));
  return Object.fromEntries([...Map.groupBy(all, String)].map(([status, some]) => [status, some.length]));
}

test('a carrier that was started with a file exports it, and applying the export changes nothing', async () => {
  const exported = await carrier.command('export');
  assert.equal(exported.code, 0, exported.stderr);
  assert.match(exported.stdout, /secret: env:ACME_KEY/);
  const again = await carrier.apply(exported.stdout, '--prune');
  assert.match(again.stdout, /^No change; the configuration is at revision 1\./m);
});

test('a change is served by every worker at once, and no request is dropped meanwhile', async () => {
  let asking = true;
  const seen: number[] = [];
  const clients = Array.from({ length: 4 }, async () => {
    while (asking) seen.push(await statusOf(acmeKey));
  });

  for (const target of ['gpt-5-a', 'gpt-5-b', 'gpt-5-c']) {
    await carrier.apply(yaml.replace('targetModel: gpt-5,', `targetModel: ${target},`));
    emulator.clearRequests();
    await statuses(acmeKey, 20);
    const targets = new Set(emulator.requests().map(({ body }) => JSON.parse(body.toString()).model));
    // What was under way when the change came still went to the target before.
    assert.ok(targets.has(target), [...targets].join(', '));
    emulator.clearRequests();
    await statuses(acmeKey, 20);
    assert.deepEqual([...new Set(emulator.requests().map(({ body }) => JSON.parse(body.toString()).model))], [target]);
  }
  asking = false;
  await Promise.all(clients);

  assert.ok(seen.length > 20, String(seen.length));
  assert.deepEqual([...new Set(seen)], [200]);
});

test('a key works as soon as it is made and no longer once it is revoked, at every worker', async () => {
  const created = await carrier.command('keys', 'create', '--project', 'acme/web', '--name', 'short-lived');
  assert.equal(created.code, 0, created.stderr);
  const secret = created.stdout.trim();
  assert.deepEqual(await statuses(secret, 16), { 200: 16 });

  const revoked = await carrier.command('keys', 'revoke', 'acme/web/short-lived');
  assert.equal(revoked.code, 0, revoked.stderr);
  assert.deepEqual(await statuses(secret, 16), { 401: 16 });
});

test('both secrets of a rotated key are one key with one budget and one usage, and its tag reaches usage', async () => {
  const created = await carrier.api('POST', '/api/v1/keys', {
    project: 'acme/web',
    name: 'rotating',
    tags: { team: 'search' },
    budget: { limit: '100', period: 'total' },
  });
  const { id, secret: first } = created.json as { id: string; secret: string };
  const { secret: second } = (await carrier.api('POST', `/api/v1/keys/${id}/rotate`, { overlapSeconds: 3_600 }))
    .json as {
    secret: string;
  };

  assert.deepEqual([await statuses(first, 6), await statuses(second, 6)], [{ 200: 6 }, { 200: 6 }]);
  const { secret: third } = (await carrier.api('POST', `/api/v1/keys/${id}/rotate`, { overlapSeconds: 0 })).json as {
    secret: string;
  };
  assert.deepEqual(
    [await statuses(first, 6), await statuses(second, 6), await statuses(third, 2)],
    [{ 401: 6 }, { 401: 6 }, { 200: 2 }],
  );
  type Rows = { rows: { by: string; requests: number }[] };
  const requestsOf = async (by: string, value: string) =>
    ((await carrier.api('GET', `/api/v1/usage?by=${by}`)).json as Rows).rows.find(row => row.by === value)?.requests;
  await until('all fourteen requests are in the usage of the key', async () =>
    (await requestsOf('key', id)) === 14 ? true : undefined,
  );
  assert.equal(await requestsOf('tag:team', 'search'), 14);
  const events = (await carrier.api('GET', `/api/v1/audit?target=key:${id}`)).json as {
    items: { action: string; address: string; requestId: string }[];
  };
  assert.deepEqual(
    events.items.map(({ action, address }) => `${action} ${address}`),
    ['keys.rotate 127.0.0.1', 'keys.rotate 127.0.0.1', 'keys.create 127.0.0.1'],
  );
  assert.match(events.items[0]!.requestId, /^ex_/);
});

test('a local revocation is in force within a second', async () => {
  const created = await carrier.command('keys', 'create', '--project', 'acme/web', '--name', 'leaked');
  const secret = created.stdout.trim();
  assert.equal(await statusOf(secret), 200);

  const startedAt = performance.now();
  const revoked = await carrier.command('keys', 'revoke', secret, '--local');
  assert.equal(revoked.code, 0, revoked.stderr);
  assert.doesNotMatch(revoked.stdout, new RegExp(secret));
  await until('every worker refuses the key', async () => ((await statuses(secret, 8))[401] === 8 ? true : undefined));
  // A second for the worker, and what it takes to start the command on a busy machine.
  assert.ok(performance.now() - startedAt < 4_000);
  await until('the database knows', async () => {
    const { json } = await carrier.api('GET', '/api/v1/keys?project=acme%2Fweb');
    return (
      json.items.some((key: { name: string; revoked: boolean }) => key.name === 'leaked' && key.revoked) || undefined
    );
  });
});

test('what a key may use follows its project and itself, and names mean what the documentation says', async () => {
  await carrier.apply(
    `${yaml.replace('allow: [ "**" ]', 'allow: [ "openai/*", smart ]')}routes: { smart: { candidates: [ { deployment: sonnet-eu } ] } }\n`,
  );

  assert.equal(await statusOf(acmeKey, 'gpt-5'), 200);
  assert.equal(await statusOf(acmeKey, 'openai%2Fgpt-5'), 200);
  // The route is allowed, its candidate is not.
  const refused = await ask(acmeKey, 'smart');
  assert.deepEqual([refused.status, refused.headers.get('x-carrier-fault')], [403, 'model_not_allowed']);
  await refused.arrayBuffer();
  assert.equal(await statusOf(acmeKey, 'claude-sonnet-5'), 403);
  assert.equal(await statusOf(acmeKey, 'gpt-6'), 404);
  await carrier.apply(`${yaml}routes: { smart: { candidates: [ { deployment: sonnet-eu } ] } }\n`);
  assert.equal(await statusOf(acmeKey, 'smart'), 200);
});

test('zones of a project keep its prompts out of every other place', async () => {
  await carrier.apply(yaml.replace('allow: [ "**" ]', 'allow: [ "**" ]\n        zones: [ DE, FR, EU ]'));

  const refused = await ask(acmeKey, 'openai/gpt-5');
  assert.deepEqual([refused.status, refused.headers.get('x-carrier-fault')], [403, 'no_compliant_deployment']);
  await refused.arrayBuffer();
  assert.equal(await statusOf(acmeKey, 'anthropic/claude-sonnet-5'), 200);
  await carrier.apply(yaml);
  assert.equal(await statusOf(acmeKey, 'openai/gpt-5'), 200);
});

test('a file with problems changes nothing and says all of them', async () => {
  const broken = `${yaml}\nroutes: { a: { candidates: [ { deployment: none } ] }, b: { affinity: session, hedge: 1, candidates: [] } }\n`;
  await assert.rejects(carrier.apply(broken), error => {
    assert.match(String(error), /routes\.b\.affinity: A session stays at one place under/);
    assert.match(String(error), /routes\.b\.hedge: .*expected object/);
    assert.match(String(error), /routes\.b\.candidates/);
    return true;
  });
  assert.equal(await statusOf(acmeKey), 200);
});
