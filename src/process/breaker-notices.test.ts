import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testHealth } from '../../test/support/deployment-health.ts';
import { BreakerNotices } from './breaker-notices.ts';

const nowMs = Date.parse('2026-11-20T09:05:00Z');
const deployment = testHealth[0]!;
const at = (state: 'closed' | 'half-open' | 'open' | 'misconfigured') => [
  { ...deployment, id: 'a', breaker: { ...deployment.breaker, state } },
];

test('a breaker that opens is told once, and again after it closed, under the id of its ten minutes', () => {
  const notices = new BreakerNotices('replica-1');
  const kinds = (state: Parameters<typeof at>[0], ms = nowMs) => notices.look(at(state), ms).map(({ kind }) => kind);

  assert.deepEqual(kinds('closed'), []);
  const [opened] = notices.look(at('open'), nowMs);
  assert.deepEqual([opened?.kind, opened?.organisation, opened?.body['deployment']], ['breaker.opened', null, 'a']);
  assert.deepEqual(kinds('open'), []);
  assert.deepEqual(kinds('half-open'), []);
  assert.equal(notices.look(at('misconfigured'), nowMs + 60_000)[0]?.id, opened?.id);
  assert.deepEqual(kinds('closed'), []);
  const [later] = notices.look(at('open'), nowMs + 600_000);
  assert.notEqual(later?.id, opened?.id);
  const [other] = new BreakerNotices('replica-2').look(at('open'), nowMs);
  assert.notEqual(other?.id, opened?.id);
});
