import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baseRequests, fateOf, hostileRequests } from '../../test/support/hostile-requests.ts';
import { dialects } from './registry.ts';

/** The long suite tries all of them. */
const step = 23;

for (const client of dialects.values()) {
  test(`${client.name}: whatever stands wherever in a request, it is carried or refused by name`, () => {
    const fates = new Map<string, number>();
    let number = 0;
    for (const base of baseRequests(client)) {
      for (const request of hostileRequests(base, { first: number, step })) {
        const fate = fateOf(client, request, number);
        fates.set(fate, (fates.get(fate) ?? 0) + 1);
        number += 1;
      }
    }

    assert.ok(number > 1_000, `${number} were tried`);
    for (const fate of [
      'carried',
      'parameter_invalid',
      'parameter_missing',
      'translation_unsupported',
      'json_too_deep',
    ]) {
      assert.ok((fates.get(fate) ?? 0) > 10, `${fate}: ${fates.get(fate)}`);
    }
  });
}
