import { test } from 'node:test';
import { decide, decideByLots } from '../../src/routing/decide.ts';
import { laws } from './laws.ts';

const runs: Readonly<Record<string, number>> = { 'ties are drawn: over many exchanges each has its weight': 12 };

for (const [name, law] of Object.entries(laws)) {
  test(`for every decision, ${name}`, () => {
    law({ decide, decideByLots })(runs[name] ?? 1_500);
  });
}
