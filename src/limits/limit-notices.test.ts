import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadLimit } from '../snapshot/limits.ts';
import { limitNotice } from './limit-notices.ts';

test('of a limit that refuses one notice is told an hour, under one id whoever tells it', () => {
  const limit = loadLimit({
    id: 'key:k requestsPerMinute',
    scope: 'key',
    subject: 'k',
    measure: 'requestsPerMinute',
    limit: 5,
  });
  const at = Date.parse('2026-11-20T12:10:00Z');
  const refused = { refused: 3, wouldRefuse: 0 };

  const notice = limitNotice(limit, 'acme', refused, at)!;
  assert.deepEqual(
    { ...notice, id: undefined },
    {
      id: undefined,
      kind: 'limit.reached',
      organisation: 'acme',
      body: {
        limit: 'key k: requestsPerMinute 5',
        scope: 'key',
        subject: 'k',
        measure: 'requestsPerMinute',
        number: 5,
        hour: '2026-11-20T12:00:00.000Z',
      },
    },
  );
  assert.equal(limitNotice(limit, 'acme', { refused: 90, wouldRefuse: 1 }, at + 600_000)!.id, notice.id);
  assert.notEqual(limitNotice(limit, 'acme', refused, at + 3_600_000)!.id, notice.id);
  assert.equal(limitNotice(limit, null, { refused: 0, wouldRefuse: 2 }, at)!.kind, 'limit.would-refuse');
  assert.equal(limitNotice(limit, null, { refused: 0, wouldRefuse: 0 }, at), undefined);
});
