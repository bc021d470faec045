import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseAtto } from '../pricing/money.ts';
import { attoPerMinor, fitToMinor, formatMinor, roundToMinor } from './rounding.ts';

const atto = (text: string) => (text.startsWith('-') ? -parseAtto(text.slice(1)) : parseAtto(text));

describe('an amount in minor units', () => {
  it('is rounded half away from zero unless a contract says half-even', () => {
    assert.equal(roundToMinor(atto('0.005'), 'USD'), 1n);
    assert.equal(roundToMinor(atto('-0.005'), 'USD'), -1n);
    assert.equal(roundToMinor(atto('0.004999999999999999'), 'USD'), 0n);
    assert.equal(roundToMinor(atto('0.005'), 'USD', 'half-even'), 0n);
    assert.equal(roundToMinor(atto('0.015'), 'USD', 'half-even'), 2n);
    assert.equal(roundToMinor(atto('-0.025'), 'USD', 'half-even'), -2n);
  });

  it('has the decimals of its currency', () => {
    assert.equal(formatMinor(roundToMinor(atto('325.01'), 'HUF'), 'HUF'), '325.01');
    assert.equal(formatMinor(roundToMinor(atto('1234.5'), 'JPY'), 'JPY'), '1235');
    assert.equal(formatMinor(roundToMinor(atto('1.2345'), 'KWD'), 'KWD'), '1.235');
    assert.equal(formatMinor(-5n, 'USD'), '-0.05');
    assert.equal(formatMinor(0n, 'USD'), '0.00');
    assert.equal(attoPerMinor('USD'), 10_000_000_000_000_000n);
  });

  it('is refused in a currency that there is not', () => {
    for (const code of ['usd', '', 'US', 'USDT', '__proto__']) {
      assert.throws(() => roundToMinor(1n, code), /not a currency of ISO 4217/);
    }
  });
});

describe('lines fitted to a total', () => {
  it('get the missing cents by largest remainder, ties by id (B20)', () => {
    const fitted = fitToMinor(
      [
        { id: 'C', amountAtto: atto('30.005') },
        { id: 'A', amountAtto: atto('10.005') },
        { id: 'B', amountAtto: atto('20.005') },
      ],
      'USD',
    );

    assert.deepEqual(fitted.lines, [
      { id: 'C', minor: 3000n },
      { id: 'A', minor: 1001n },
      { id: 'B', minor: 2001n },
    ]);
    assert.equal(fitted.totalMinor, 6002n);
    assert.equal(fitted.residueAtto, atto('-0.005'));
  });

  it('of a bundle give the cent to its overage (B25)', () => {
    const fitted = fitToMinor(
      [
        { id: 'seats', amountAtto: atto('3600') },
        { id: 'seats_added', amountAtto: atto('150') },
        { id: 'overage', amountAtto: atto('112.345678') },
      ],
      'USD',
    );

    assert.deepEqual(
      fitted.lines.map(({ id, minor }) => `${id} ${formatMinor(minor, 'USD')}`),
      ['seats 3600.00', 'seats_added 150.00', 'overage 112.35'],
    );
    assert.equal(formatMinor(fitted.totalMinor, 'USD'), '3862.35');
    assert.equal(fitted.residueAtto, atto('-0.004322'));
  });

  it('carry the residue of the total before', () => {
    const tiny = [{ id: 'a', amountAtto: atto('0.003') }];
    const first = fitToMinor(tiny, 'USD');
    const second = fitToMinor(tiny, 'USD', { residueAtto: first.residueAtto });

    assert.deepEqual([first.totalMinor, first.residueAtto], [0n, atto('0.003')]);
    assert.deepEqual([second.totalMinor, second.residueAtto], [1n, atto('-0.004')]);
  });

  it('give a cent back where the residue asks for less than their floors', () => {
    const fitted = fitToMinor(
      [
        { id: 'a', amountAtto: atto('1.01') },
        { id: 'b', amountAtto: atto('2.00') },
      ],
      'USD',
      { residueAtto: atto('-0.005'), mode: 'half-even' },
    );

    assert.deepEqual(fitted.lines, [
      { id: 'a', minor: 101n },
      { id: 'b', minor: 199n },
    ]);
    assert.deepEqual([fitted.totalMinor, fitted.residueAtto], [300n, atto('0.005')]);
  });

  it('are none where there is nothing, and two of one id are refused', () => {
    assert.deepEqual(fitToMinor([], 'USD', { residueAtto: 7n }), { lines: [], totalMinor: 0n, residueAtto: 7n });
    const twice = { id: 'a', amountAtto: 1n };
    assert.throws(() => fitToMinor([twice, twice], 'USD'), /one id/);
  });

  it('always add up, each within one unit of what it is exactly, whatever their order', () => {
    const line = fc.record({ id: fc.uuid(), amountAtto: fc.bigInt({ min: -(10n ** 22n), max: 10n ** 22n }) });
    const lines = fc.uniqueArray(line, { selector: each => each.id, minLength: 1, maxLength: 20 });
    const half = 5_000_000_000_000_000n;
    fc.assert(
      fc.property(
        lines,
        fc.bigInt({ min: -half, max: half }),
        fc.constantFrom('half-away-from-zero' as const, 'half-even' as const),
        (exact, residueAtto, mode) => {
          const fitted = fitToMinor(exact, 'USD', { residueAtto, mode });

          const sum = fitted.lines.reduce((total, { minor }) => total + minor, 0n);
          const before = exact.reduce((total, { amountAtto }) => total + amountAtto, residueAtto);
          assert.equal(sum, fitted.totalMinor);
          assert.equal(fitted.totalMinor * 2n * half + fitted.residueAtto, before);
          assert.ok(fitted.residueAtto >= -half && fitted.residueAtto <= half);
          for (const [index, { minor }] of fitted.lines.entries()) {
            const distance = minor * 2n * half - exact[index]!.amountAtto;
            assert.ok(distance > -4n * half && distance < 4n * half);
          }
          const turned = fitToMinor(exact.toReversed(), 'USD', { residueAtto, mode });
          assert.deepEqual(turned.lines.toReversed(), fitted.lines);
        },
      ),
    );
  });
});
