import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { after as later } from '../../src/process/late-timer.ts';
import type { ToSupervisor } from '../../src/process/messages.ts';
import { WorkerHealth } from '../../src/process/worker-health.ts';
import type { DecisionRecord } from '../../src/routing/decision.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** Provider kinds of both dialects: whoever shows a fault, the same becomes of it. */
const kinds = [
  { kind: 'openai', dialect: 'openai-chat' },
  { kind: 'deepseek', dialect: 'openai-chat' },
  { kind: 'mistral', dialect: 'openai-chat' },
  { kind: 'groq', dialect: 'openai-chat' },
  { kind: 'emulated', dialect: 'openai-chat' },
  { kind: 'anthropic', dialect: 'anthropic-messages' },
  { kind: 'emulated', dialect: 'anthropic-messages' },
] as const;
const names = kinds.map(({ kind, dialect }) => `${kind}-${dialect}`);

/** What a provider may do before its first content. */
const faults = [
  'status=500',
  'status=502;as=html',
  'status=503',
  'status=503;retry-after=2',
  'status=504;as=empty',
  'status=529',
  'status=429',
  'status=429;retry-after=3',
  'status=429;retry-after-ms=2500',
  'status=401',
  'status=403',
  'status=404',
  'reset',
  'status=500;as=text',
  'cut-after=0',
  'reset-after=0',
];

suite('the same fault means the same, whoever shows it', () => {
  let emulator: Emulator;
  let gateway: TestGateway;
  let told: (ToSupervisor & { type: 'outcomes' })['failures'] = [];

  before(async () => {
    emulator = await startEmulator({ record: false });
    const url = emulator.url;
    gateway = await startGateway({
      ports: {
        health: new WorkerHealth({
          send: message => {
            if (message.type === 'outcomes') told = [...told, ...message.failures];
          },
          nowMs: Date.now,
          after: later,
        }),
      },
      snapshot: {
        keys: [{ id: 'test0001', digest: digestOf(secret) }],
        providers: kinds.flatMap(({ kind, dialect }, n) =>
          ['subject', 'reserve'].map(role => ({
            name: `${role}-${names[n]}`,
            kind,
            dialects: [dialect],
            baseUrl: dialect === 'openai-chat' ? `${url}/v1` : url,
          })),
        ),
        deployments: names.flatMap(name =>
          faults.flatMap((_, number) => [
            { id: `subject-${name}-${number}`, model: `lab/subject-${name}-${number}`, provider: `subject-${name}` },
            { id: `reserve-${name}-${number}`, model: `lab/reserve-${name}-${number}`, provider: `reserve-${name}` },
          ]),
        ),
        routes: names.flatMap(name =>
          faults.map((_, number) => ({
            name: `${name}-${number}`,
            candidates: [
              { deployment: `subject-${name}-${number}`, priority: 1 },
              { deployment: `reserve-${name}-${number}`, priority: 2 },
            ],
          })),
        ),
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  async function ask(name: string, number: number) {
    const isChat = name.endsWith('openai-chat');
    const response = await fetch(`${gateway.url}/v1/${isChat ? 'chat/completions' : 'messages'}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
      },
      body: JSON.stringify({ model: `${name}-${number}`, max_tokens: 20, messages: [{ role: 'user', content: 'hi' }] }),
    });
    await response.text();
    const end = gateway.ends().at(-1)!;
    const decision = end.decision as DecisionRecord;
    const roleOf = (text: string) => text.replace(`-${name}-${number}`, '').replace(/^h-/, '');
    return {
      status: response.status,
      answeredBy: roleOf(response.headers.get('x-carrier-deployment') ?? ''),
      attempts: end.attempts.map(({ deployment, outcome }) => `${roleOf(deployment)} ${outcome}`),
      state: end.state,
      order: decision.order.map(roleOf),
      out: decision.candidates.flatMap(({ h, out }) => (out ?? []).map(reason => `${roleOf(h)} ${reason}`)),
    };
  }

  for (const [number, fault] of faults.entries()) {
    test(fault, async () => {
      const seen = [];
      for (const name of names) {
        told = [];
        emulator.replaceRules([`model=subject-${name}-${number};${fault}`]);
        const first = await ask(name, number);
        const next = await ask(name, number);
        const failures = told.map(({ kind, coolMs }) => ({ kind, coolMs }));
        seen.push({ name, first, next, failures });
      }

      const [{ name: _name, ...expected }] = seen as [(typeof seen)[0]];
      assert.equal(expected.first.answeredBy, 'reserve');
      assert.equal(expected.first.status, 200);
      assert.equal(expected.failures.length > 0, true);
      for (const { name, ...found } of seen) assert.deepEqual(found, expected, `${name} is treated otherwise`);
    });
  }
});
