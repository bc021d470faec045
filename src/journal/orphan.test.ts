import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { admitOf, attemptOf, exchangeId, progressOf } from '../../test/support/exchanges.ts';
import { leaseCharge } from './assemble.ts';
import { settleOrphan } from './orphan.ts';

const sketch = { id: exchangeId(1), atMs: 1_795_000_000_000, inputTokens: 1_000 };
const leases = [{ budget: 'b1', window: 'total', lease: 'lse_1' }];

describe('an exchange whose process died', () => {
  test('before any attempt costs nobody anything', () => {
    const end = settleOrphan({ admit: admitOf(sketch), attempts: [], progress: undefined, orphans: 'delivered' });

    assert.equal(end.state, 'void');
    assert.equal(end.outcome, 'process_died');
    assert.deepEqual(end.attempts, []);
    assert.equal(end.sell, undefined);
  });

  test('after content was delivered is charged for its input and what was relayed', () => {
    const end = settleOrphan({
      admit: admitOf(sketch),
      attempts: [attemptOf(sketch)],
      progress: progressOf(sketch, 300),
      orphans: 'delivered',
    });

    // 1,000 × 2.00 + 300 × 10.00 and 1,000 × 1.00 + 300 × 4.00 per 10⁶
    assert.equal(end.sell?.amountAtto, '5000000000000000');
    assert.equal(end.sell?.overHoldAtto, '0');
    assert.equal(end.attempts[0]?.buy?.amountAtto, '2200000000000000');
    assert.equal(end.state, 'estimated');
    assert.equal(end.deliveredBytes, 1_200);
    assert.equal(end.reading?.rule, 'orphan/2:bytes-per-token/1:openai');
    assert.deepEqual(end.reading?.slices, { inputUncached: 1_000, output: 300 });
  });

  test('keeps the tier that was asked for, so that it is rated again by its prices', () => {
    const settle = (requestedTier?: string) =>
      settleOrphan({
        admit: admitOf(sketch),
        attempts: [{ ...attemptOf(sketch), ...(requestedTier === undefined ? {} : { requestedTier }) }],
        progress: progressOf(sketch, 1),
        orphans: 'delivered',
      });

    assert.equal(settle('priority').reading?.requestedTier, 'priority');
    assert.equal(settle('priority').attempts[0]?.reading.requestedTier, 'priority');
    assert.equal('requestedTier' in settle().reading!, false);
  });

  test('after content was delivered is free under the policy that says so, and still owed to the provider', () => {
    const end = settleOrphan({
      admit: admitOf(sketch),
      attempts: [attemptOf(sketch)],
      progress: progressOf(sketch, 300),
      orphans: 'free',
    });

    assert.equal(end.sell, undefined);
    assert.equal(end.attempts[0]?.buy?.amountAtto, '2200000000000000');
    assert.equal(end.state, 'estimated');
  });

  test('before content is owed to the provider and not charged', () => {
    const end = settleOrphan({
      admit: admitOf(sketch),
      attempts: [attemptOf(sketch)],
      progress: undefined,
      orphans: 'delivered',
    });

    assert.equal(end.sell, undefined);
    assert.equal(end.attempts[0]?.buy?.amountAtto, '1000000000000000');
  });

  test('in its second attempt owes the first provider what the journal says of that attempt', () => {
    const reading = {
      slices: { inputUncached: 1_000, output: 0 },
      source: 'estimated' as const,
      rule: 'bytes-per-token/1:openai',
    };
    const buy = { amountAtto: '1000000000000000', currency: 'USD', version: 'buy-1', lines: [] };
    const previous = { attempt: 1, outcome: 'upstream_reset', durationMs: 7, reading, buy };
    const end = settleOrphan({
      admit: admitOf(sketch),
      attempts: [attemptOf(sketch, 1), { ...attemptOf(sketch, 2), previous }],
      progress: progressOf(sketch, 300, 2),
      orphans: 'delivered',
    });

    assert.deepEqual(
      end.attempts.map(({ attempt, outcome, durationMs, reading: { source }, buy: owed }) => [
        attempt,
        outcome,
        durationMs,
        source,
        owed?.amountAtto,
      ]),
      [
        [1, 'upstream_reset', 7, 'estimated', '1000000000000000'],
        [2, 'process_died', 48, 'estimated', '2200000000000000'],
      ],
    );
    // 1,000 × 2.00 + 300 × 10.00 per 10⁶: the customer pays for the answer that was delivered, once.
    assert.equal(end.sell?.amountAtto, '5000000000000000');
  });

  test('in its second attempt owes nothing for a first that was refused', () => {
    const previous = {
      attempt: 1,
      outcome: 'upstream_rate_limited',
      upstreamStatus: 429,
      durationMs: 7,
      reading: { slices: {}, source: 'none' as const },
    };
    const end = settleOrphan({
      admit: admitOf(sketch),
      attempts: [attemptOf(sketch, 1), { ...attemptOf(sketch, 2), previous }],
      progress: undefined,
      orphans: 'delivered',
    });

    assert.equal(end.attempts[0]?.upstreamStatus, 429);
    assert.equal(end.attempts[0]?.buy, undefined);
    assert.equal(end.attempts[1]?.buy?.amountAtto, '1000000000000000');
  });

  test('in its second attempt owes the first provider nothing when the journal does not say how that went', () => {
    const end = settleOrphan({
      admit: admitOf(sketch),
      attempts: [attemptOf(sketch, 1), attemptOf(sketch, 2)],
      progress: progressOf(sketch, 300, 2),
      orphans: 'delivered',
    });

    assert.deepEqual(
      end.attempts.map(({ attempt, reading, buy }) => [attempt, reading.source, buy?.amountAtto]),
      [
        [1, 'none', undefined],
        [2, 'estimated', '2200000000000000'],
      ],
    );
  });

  test('is never charged above its hold; the rest is the operator’s', () => {
    const admit = admitOf({ ...sketch, leases, holdAtto: '3000000000000000' });
    const end = settleOrphan({
      admit,
      attempts: [attemptOf(sketch)],
      progress: progressOf(sketch, 300),
      orphans: 'delivered',
    });

    assert.equal(end.sell?.amountAtto, '5000000000000000');
    assert.equal(end.sell?.overHoldAtto, '2000000000000000');
    assert.equal(leaseCharge({ admit, end }), 3_000_000_000_000_000n);
  });
});
