/** Question: does decide() with 64 candidates stay within 150 µs at p99? */
import { cpus } from 'node:os';
import { decide } from '../src/routing/decide.ts';

const candidates = Array.from({ length: 64 }, (_, n) => ({
  handle: `handle-${n}`,
  weight: 1 + (n % 5),
  priority: 1 + (n % 3),
  zone: n % 4 === 0 ? 'US' : 'DE',
  dialects: ['openai-chat'],
  priced: true,
  allowed: true,
}));
const observations = { atMs: 1, health: new Map([['handle-3', { coolingUntilMs: 2 }]]) };
const draw = { epoch: 1, seed: '00112233445566778899aabbccddeeff' };
const facts = {
  dialect: 'openai-chat',
  zones: ['EU', 'US'],
  policy: 'priority' as const,
  inputTokens: 1,
  outputTokens: 1,
  sameDialectOnly: false,
};
const micros: number[] = [];
for (let n = 0; n < 20_000; n++) {
  const begun = process.hrtime.bigint();
  decide(candidates, observations, { ...facts, exchangeId: `ex_${n}` }, draw);
  if (n >= 4_000) micros.push(Number(process.hrtime.bigint() - begun) / 1000);
}
micros.sort((left, right) => left - right);
const at = (share: number) => micros[Math.floor(micros.length * share)]!.toFixed(1);
console.log(`${cpus()[0]?.model}, Node ${process.version}: median ${at(0.5)} µs, p99 ${at(0.99)} µs`);
