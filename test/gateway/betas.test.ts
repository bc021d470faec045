import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';
import { rateCard } from '../support/snapshot.ts';

suite('betas of Messages, at an endpoint that refuses those it does not know', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      snapshot: {
        providers: [
          { name: 'hosted', kind: 'claude-hosted', baseUrl: emulator.url, dialects: ['anthropic-messages'] },
          { name: 'own', kind: 'anthropic', baseUrl: emulator.url, dialects: ['anthropic-messages'] },
        ],
        deployments: [
          { id: 'hosted-1', provider: 'hosted', model: 'acme/hosted', sell: rateCard, buy: rateCard },
          { id: 'own-1', provider: 'own', model: 'acme/own', sell: rateCard, buy: rateCard },
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });
  beforeEach(() => emulator.clearRequests());

  async function ask(model: string, betas: string | undefined, fields: string, headers: Record<string, string> = {}) {
    const response = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: {
        'x-api-key': secret,
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        ...(betas === undefined ? {} : { 'anthropic-beta': betas }),
        ...headers,
      },
      body: `{${fields}"model":"${model}","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}`,
    });
    const text = await response.text();
    const sent = emulator.requests().at(-1);
    return {
      status: response.status,
      text,
      losses: response.headers.get('x-carrier-loss'),
      fault: response.headers.get('x-carrier-fault'),
      betas: headerOf(sent?.rawHeaders ?? [], 'anthropic-beta'),
      body: sent?.body.toString(),
    };
  }

  const rest = (name: string) => `"model":"${name}","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}`;

  test('one that it does not take goes out of the header, and its fields out of the body, declared', async () => {
    const answer = await ask(
      'acme/hosted',
      'mcp-client-2025-11-20, context-1m-2025-08-07',
      '"mcp_servers":[{"type":"url","url":"https://example.com","name":"n"}],"temperature":1,',
    );

    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.betas, 'context-1m-2025-08-07');
    assert.equal(answer.body, `{"temperature":1,${rest('hosted')}`);
    assert.equal(answer.losses, 'beta-unsupported;anthropic-beta.mcp-client-2025-11-20, beta-unsupported;mcp_servers');
  });

  test('no header is left where none is taken', async () => {
    const answer = await ask('acme/hosted', 'fast-mode-2026-02-01', '');

    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.betas, undefined);
    assert.equal(answer.body, `{${rest('hosted')}`);
    assert.equal(answer.losses, 'beta-unsupported;anthropic-beta.fast-mode-2026-02-01');
  });

  test('a field that another beta still opens stays', async () => {
    const fields = '"context_management":{"edits":[]},';
    const answer = await ask('acme/hosted', 'compact-2099-01-01,context-management-2025-06-27', fields);

    assert.equal(answer.betas, 'context-management-2025-06-27');
    assert.equal(answer.body, `{${fields}${rest('hosted')}`);
  });

  test('a client that wants no losses is refused before anything is sent', async () => {
    const answer = await ask('acme/hosted', 'fast-mode-2026-02-01', '', { 'x-carrier-strict': '1' });

    assert.deepEqual([answer.status, answer.fault, answer.body], [400, 'loss_refused', undefined]);
  });

  test('what it takes, and an endpoint that takes all, are passed as they are', async () => {
    const fields = '"mcp_servers":[],';
    const own = await ask('acme/own', 'mcp-client-2025-11-20, new-2099-01-01', fields);
    const hosted = await ask('acme/hosted', 'context-1m-2025-08-07', '');

    assert.deepEqual(
      [own.betas, own.body, own.losses],
      ['mcp-client-2025-11-20, new-2099-01-01', `{${fields}${rest('own')}`, null],
    );
    assert.deepEqual([hosted.betas, hosted.body, hosted.losses], ['context-1m-2025-08-07', `{${rest('hosted')}`, null]);
  });
});

function headerOf(rawHeaders: readonly string[], name: string): string | undefined {
  const at = rawHeaders.findIndex((header, index) => index % 2 === 0 && header.toLowerCase() === name);
  return at === -1 ? undefined : rawHeaders[at + 1];
}
