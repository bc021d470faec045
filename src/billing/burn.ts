/** Pure: what pays for a charge. Exact to the last atto, whatever is split. */

/** A part of a charge: everything of one meter. */
export interface ChargePart {
  readonly meter: string;
  readonly amountAtto: bigint;
}

/** Something that can pay. */
export interface BurnSource {
  /** What is left of it now; `burn` takes from it. */
  leftAtto: bigint;
  paysForMeter(meter: string): boolean;
}

export interface Burn<Source> {
  readonly source: Source;
  /** Above zero. */
  readonly amountAtto: bigint;
}

/** Takes a charge out of sources, in their order; each is taken to its end before the next is touched, of what it pays
 *  for. What nobody paid is `restAtto`. */
export function burn<Source extends BurnSource>(
  parts: readonly ChargePart[],
  sources: readonly Source[],
): { readonly burns: readonly Burn<Source>[]; readonly restAtto: bigint } {
  const owed = parts.map(({ amountAtto }) => amountAtto);
  let restAtto = owed.reduce((sum, amount) => sum + amount, 0n);
  const burns: Burn<Source>[] = [];
  for (const source of sources) {
    if (restAtto === 0n) break;
    let amountAtto = 0n;
    for (const [index, { meter }] of parts.entries()) {
      if (source.leftAtto === 0n) break;
      if (owed[index] === 0n || !source.paysForMeter(meter)) continue;
      const left = owed[index] ?? 0n;
      const taken = smallest(left, source.leftAtto);
      owed[index] = left - taken;
      source.leftAtto -= taken;
      amountAtto += taken;
    }
    if (amountAtto === 0n) continue;
    restAtto -= amountAtto;
    burns.push({ source, amountAtto });
  }
  return { burns, restAtto };
}

/** The parts of what is charged: the rated lines without what is over the hold, which comes off the last ones. Throws
 *  RangeError when more is over than was rated. */
export function chargedParts(
  lines: readonly { readonly meter: string; readonly amountAtto: string }[],
  overAtto: bigint,
): readonly ChargePart[] {
  let off = overAtto;
  const parts = lines.toReversed().map(({ meter, amountAtto }) => {
    const amount = BigInt(amountAtto);
    const less = off < amount ? off : amount;
    off -= less;
    return { meter, amountAtto: amount - less };
  });
  if (off !== 0n) throw new RangeError('more is over the hold than was rated');
  return parts.toReversed().filter(({ amountAtto }) => amountAtto > 0n);
}

export function smallest(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
