import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import { StateSeal } from '../dialects/opaque-state.ts';
import type { ToSupervisor } from './messages.ts';
import { shelfEntryBytesMax } from './reasoning-shelf.ts';
import { recallWaitMs, WorkerReasoning } from './worker-reasoning.ts';

function worker() {
  const sent: ToSupervisor[] = [];
  const timers: { readonly ms: number; run: (() => void) | undefined }[] = [];
  const reasoning = new WorkerReasoning({
    seal: new StateSeal(createSecretKey(Buffer.alloc(32))),
    send: message => void sent.push(message),
    after: (ms, run) => {
      const timer: { ms: number; run: (() => void) | undefined } = { ms, run };
      timers.push(timer);
      return () => {
        timer.run = undefined;
      };
    },
  });
  return { reasoning, sent, timers };
}

test('a recall is answered with what the supervisor found', async () => {
  const { reasoning, sent, timers } = worker();
  const recalled = reasoning.recall('acme', ['a', 'b']);
  assert.deepEqual(sent, [{ type: 'reasoning-recall', request: 1, organisation: 'acme', callIds: ['a', 'b'] }]);

  reasoning.recalled(1, [['b', ['envelope']]]);

  assert.deepEqual([...(await recalled)], [['b', ['envelope']]]);
  assert.equal(timers[0]!.run, undefined, 'the timer is cancelled');
  assert.deepEqual(reasoning.json().values, [
    { value: 1, labels: { outcome: 'hit' } },
    { value: 1, labels: { outcome: 'miss' } },
    { value: 0, labels: { outcome: 'late' } },
  ]);
});

test('an answer that is late is a miss, and harms nobody', async () => {
  const { reasoning, timers } = worker();
  const recalled = reasoning.recall('acme', ['a']);
  assert.equal(timers[0]!.ms, recallWaitMs);
  timers[0]!.run!();

  assert.equal((await recalled).size, 0);
  reasoning.recalled(1, [['a', ['envelope']]]);
  reasoning.recalled(99, []);
  assert.deepEqual(reasoning.json().values[2], { value: 1, labels: { outcome: 'late' } });
});

test('what the supervisor would throw away is not sent to it', () => {
  const { reasoning, sent } = worker();
  reasoning.remember('acme', ['a'], ['x'.repeat(shelfEntryBytesMax + 1)]);
  reasoning.remember('acme', ['a'], ['x']);

  assert.deepEqual(sent, [{ type: 'reasoning-remember', organisation: 'acme', callIds: ['a'], envelopes: ['x'] }]);
});
