import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { admitOf, attemptOf, endOf, progressOf } from '../../test/support/exchanges.ts';
import { type CompletedExchange, ExchangeAssembler } from '../journal/assemble.ts';
import type { AttemptEnd, RatedAmount } from '../journal/record.ts';
import { parseAtto } from '../pricing/money.ts';
import { postingsOf } from './postings.ts';

const sketch = { id: 'ex_01000000000000000000000001', atMs: Date.UTC(2026, 10, 20) };

function rated(version: string, lines: readonly (readonly [string, number, string])[]): RatedAmount {
  const priced = lines.map(([meter, quantity, rate]) => {
    const ratePico = parseAtto(rate) / 1_000_000n;
    return { meter, quantity, ratePico: ratePico.toString(), amountAtto: (BigInt(quantity) * ratePico).toString() };
  });
  const amountAtto = priced.reduce((sum, line) => sum + BigInt(line.amountAtto), 0n).toString();
  return { amountAtto, currency: 'USD', version, lines: priced };
}

function booked(exchange: CompletedExchange): string[] {
  return postingsOf(exchange).map(
    ({ kind, debit, credit, amountAtto }) => `${kind} ${debit.name} ${credit.name} ${Number(amountAtto) / 1e18}`,
  );
}

describe('what an exchange books', () => {
  it('is each attempt at its cost, the failed apart, and one sale (B15)', () => {
    const end = endOf(sketch);
    const attempt = (number: number, provider: string, outcome: string, buy: RatedAmount): AttemptEnd => {
      return { ...end.attempts[0]!, attempt: number, provider, outcome, buy };
    };
    const delivered = rated('list', [
      ['input', 400, '5'],
      ['output', 900, '25'],
    ]);
    const failed = rated('list', [
      ['input', 400, '1.50'],
      ['output', 15_000, '9'],
    ]);
    const exchange: CompletedExchange = {
      admit: admitOf(sketch),
      end: {
        ...end,
        attempts: [attempt(1, 'google', 'upstream_rate_limited', failed), attempt(2, 'anthropic', 'ok', delivered)],
        sell: { ...delivered, overHoldAtto: '0' },
      },
      orphan: false,
      digest: '',
    };

    // Revenue 0.0245, costs 0.1601, margin −0.1356.
    assert.deepEqual(booked(exchange), [
      'cost cogs:failed_attempt provider_accrued:google 0.1356',
      'cost cogs:anthropic provider_accrued:anthropic 0.0245',
      'sell unbilled:org_acme revenue:inference 0.0245',
    ]);
  });

  it('of which nobody knows how it ended is its cost as an orphan’s, unless the customer got something of it', () => {
    const orphan = (delivered: boolean): CompletedExchange => {
      const assembler = new ExchangeAssembler();
      const place = { sequence: 1, offset: 0 };
      assembler.accept(admitOf(sketch), place);
      assembler.accept(attemptOf(sketch), place);
      if (delivered) assembler.accept(progressOf(sketch, 50), place);
      return assembler.settleAll('delivered')[0]!;
    };

    assert.deepEqual(booked(orphan(false)), ['cost cogs:orphan provider_accrued:openai 0.0001']);
    assert.deepEqual(booked(orphan(true)), [
      'cost cogs:openai provider_accrued:openai 0.0003',
      'sell unbilled:org_acme revenue:inference 0.0007',
    ]);
  });
});
