import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dialects } from '../../src/dialects/registry.ts';
import { baseRequests, fateOf, hostileRequests } from '../support/hostile-requests.ts';

for (const client of dialects.values()) {
  test(`${client.name}: every value at every place of every request is carried or refused by name, and none stays in memory`, () => {
    let number = 0;
    const afterRound: number[] = [];
    // To the providers in turn: since rounds begin with another one, each request goes to three.
    for (let round = 0; round < 3; round += 1) {
      number = round;
      for (const base of baseRequests(client)) {
        for (const request of hostileRequests(base, { first: 0, step: 1 })) {
          fateOf(client, request, number);
          number += 1;
        }
      }
      afterRound.push(process.memoryUsage().rss);
    }

    assert.ok(number > 30_000, `${number} were tried`);
    const grown = afterRound[2]! - afterRound[0]!;
    assert.ok(grown < 60 * 1024 * 1024, `${grown} bytes more than after the first round`);
  });
}
