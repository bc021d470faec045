import { hash } from 'node:crypto';
import { doubling, log2Fixed } from './fixed-log.ts';
import type { KeyedDraws } from './prf.ts';
import type { Scored } from './score.ts';

/** One candidate in a draw. */
export interface Ticket extends Scored {
  /** Share in the draw; whole, ≥ 0. */
  readonly share: number;
}

/** The best, and all that are not shown to be worse: those within their own uncertainty of the best score. The bound is
 *  each candidate's own, so that getting better never lets another one in. */
export function tiesOf<T extends Ticket>(tickets: readonly T[]): { readonly ties: T[]; readonly rest: T[] } {
  const bar = tickets.some(({ unmeasured }) => unmeasured !== true)
    ? tickets.filter(({ unmeasured }) => unmeasured !== true)
    : tickets;
  const best = bar.reduce((least, { score }) => Math.min(least, score), Number.POSITIVE_INFINITY);
  const ties: T[] = [];
  const rest: T[] = [];
  for (const ticket of tickets) (ticket.score - best <= ticket.tie ? ties : rest).push(ticket);
  return { ties, rest };
}

/** Plackett–Luce: repeatedly draw one of those left with probability share / Σ shares, walking in the order given (by
 *  lot). Those of share 0 come last, in that order. */
export function drawByShare<T extends Ticket>(tickets: readonly T[], draws: KeyedDraws): T[] {
  const left = [...tickets];
  const order: T[] = [];
  let shares = left.reduce((sum, { share }) => sum + share, 0);
  while (left.length > 0) {
    const index = left.length === 1 || shares === 0 ? 0 : indexAt(left, draws.below(shares));
    const [chosen] = left.splice(index, 1);
    shares -= chosen!.share;
    order.push(chosen!);
  }
  return order;
}

/** Weighted rendezvous: a session's order depends on nothing but the session and each candidate's own home number, so a
 *  candidate that leaves moves only its own sessions. An exponential race: the smallest −log(u) / share comes first. */
export function orderBySession<T extends Ticket & { readonly home: string }>(
  tickets: readonly T[],
  session: string,
): T[] {
  return tickets
    .map(ticket => {
      const uniform = hash('sha256', `${session}\n${ticket.home}`, 'buffer').readUIntBE(0, uniformBytes);
      // From 1, so that nobody waits for nothing.
      return { ticket, wait: 1 + uniformBits * doubling - log2Fixed(uniform + 1) };
    })
    .sort((left, right) => compareRace(left, right))
    .map(({ ticket }) => ticket);
}

interface Runner {
  readonly ticket: Ticket & { readonly home: string };
  readonly wait: number;
}

/** wait / share, compared without dividing. */
function compareRace(left: Runner, right: Runner): number {
  const crossed = left.wait * right.ticket.share - right.wait * left.ticket.share;
  if (left.ticket.share > 0 && right.ticket.share > 0 && crossed !== 0) return crossed;
  if (left.ticket.share > 0 !== right.ticket.share > 0) return left.ticket.share > 0 ? -1 : 1;
  return left.ticket.home < right.ticket.home ? -1 : 1;
}

const uniformBytes = 6;
const uniformBits = 48;

function indexAt(tickets: readonly Ticket[], point: number): number {
  let passed = 0;
  for (let index = 0; index < tickets.length; index += 1) {
    passed += tickets[index]!.share;
    if (point < passed) return index;
  }
  throw new Error('a draw lies beyond the sum of shares');
}
