import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { dialects } from '../../src/dialects/registry.ts';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { dialectRows, pathFacts } from '../support/dialect-rows.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';
import { baseRequests, hostileRequests } from '../support/hostile-requests.ts';
import { placesOf } from '../support/hostile-values.ts';
import { rateCard } from '../support/snapshot.ts';
import { randomOf } from '../support/stream-fuzz.ts';

const paths = {
  'openai-chat': '/v1/chat/completions',
  'openai-responses': '/v1/responses',
  'bedrock-converse': '/model/acme%2Fclaude/converse',
  'anthropic-messages': '/v1/messages',
  gemini: '/v1beta/models/acme%2Fclaude:generateContent',
  'cohere-chat': '/v2/chat',
} as const;
/** The deployment that speaks the other dialect. */
const across = {
  'openai-chat': 'acme/claude',
  'openai-responses': 'acme/claude',
  'bedrock-converse': 'acme/claude',
  'anthropic-messages': 'acme/gpt',
  gemini: 'acme/claude',
  'cohere-chat': 'acme/gpt',
} as const;
/** The field of a turn that holds its texts, where those are objects. */
const parts = { 'bedrock-converse': 'content', gemini: 'parts' } as const;

suite('hostile requests, through a gateway to a provider of another dialect', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    emulator = await startEmulator({ record: false });
    gateway = await startGateway({
      snapshot: {
        providers: [
          { name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` },
          { name: 'anthropic', kind: 'anthropic', baseUrl: emulator.url, dialects: ['anthropic-messages'] },
        ],
        deployments: [
          { id: 'gpt', provider: 'openai', model: 'acme/gpt', sell: rateCard, buy: rateCard },
          { id: 'claude', provider: 'anthropic', model: 'acme/claude', sell: rateCard, buy: rateCard },
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  async function send(path: string, body: Buffer) {
    const response = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: new Uint8Array(body),
    });
    return { status: response.status, fault: response.headers.get('x-carrier-fault'), text: await response.text() };
  }

  for (const client of dialects.values()) {
    const name = client.name;
    const model = JSON.stringify(across[name]);

    test(`${name}: each is answered, or refused by a name that is not our failure`, async () => {
      const random = randomOf(5);
      const bases = baseRequests(client);
      const statuses = new Map<number, number>();
      for (let sent = 0; sent < 200; sent += 1) {
        const base = bases[random(bases.length)]!;
        const all = [...hostileRequests(base, { first: 0, step: 1 + random(7) })];
        const { body, place, what } = all[random(all.length)]!;
        const text = body.toString().replace(/"(?:acme\/fixture|acme\/x|m)"/, () => model);

        const { status, fault, text: answer } = await send(paths[name], Buffer.from(text));

        const where = `${place.join('.')} = ${what}: ${status} ${fault} ${answer.slice(0, 300)}`;
        assert.ok(status === 200 || (status >= 400 && status < 500), where);
        if (status !== 200) {
          assert.ok(fault !== null && fault !== 'internal', where);
          const body = JSON.parse(answer);
          assert.ok((body.error ?? body).message.length > 0, where);
        }
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      assert.ok((statuses.get(200) ?? 0) > 5, JSON.stringify([...statuses]));
      assert.ok((statuses.get(400) ?? 0) > 30, JSON.stringify([...statuses]));
    });

    test(`${name}: a body of 30 MB reaches the provider, whose window it overflows, and one of 34 is refused by its size`, async () => {
      const { limits, turns, namesInPath } = dialectRows[client.name];
      const limit = limits.at(-1);
      const body = (letters: number) => {
        const text = `"${'é\\"\\\\'.repeat(letters / 6)}"`;
        return Buffer.from(
          namesInPath
            ? `{"${turns}":[{"role":"user","${parts[name as keyof typeof parts]}":[{"text":${text}}]}]}`
            : `{"model":${model},"${limit}":16,"${turns}":[{"role":"user","content":${text}}]}`,
        );
      };
      const carried = await send(paths[name], body(30_000_000));
      const refused = await send(paths[name], body(34_000_000));

      assert.deepEqual([carried.status, carried.fault], [400, 'context_overflow'], carried.text.slice(0, 300));
      assert.deepEqual([refused.status, refused.fault], [413, 'body_too_large']);
    });
  }

  test('invalid UTF-8 in any text is refused before anything is read', () => {
    for (const client of dialects.values()) {
      for (const base of baseRequests(client).slice(0, 60)) {
        const value = JSON.parse(base);
        for (const place of placesOf(value)) {
          const holder = place.slice(0, -1).reduce((at, name) => at[name], value);
          const last = place.at(-1)!;
          const said = holder[last];
          if (typeof said !== 'string') continue;
          holder[last] = 'NOT-UTF-8';
          const bytes = Buffer.from(JSON.stringify(value));
          holder[last] = said;
          bytes.set([0xed, 0xa0, 0x80], bytes.indexOf('NOT-UTF-8'));
          assert.throws(() => client.scanRequest(bytes, pathFacts(client.name, 'acme/x')), { code: 'utf8_invalid' });
        }
      }
    }
  });
});
