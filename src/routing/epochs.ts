import { hash } from 'node:crypto';
import type { Draw } from './decision.ts';

/** Lots change every minute. */
export const epochMs = 60_000;
/** A chain covers a day. */
export const epochsPerChain = 1_440;

/** One day's seeds. Each is the SHA-256 of the next one's bytes, so whoever has the anchor, which is published before the
 *  day begins, can check every seed that a record shows, and nobody can choose a seed after seeing the traffic. */
export class EpochChain {
  readonly #startsAtMs: number;
  /** `#links[0]` is the anchor, `#links[i + 1]` the seed of the day's epoch i. */
  readonly #links: readonly string[];

  /** `startsAtMs`: first instant of the chain, a whole number of days since 1970. `secret`: 32 random bytes, hex. */
  constructor(startsAtMs: number, secret: string) {
    if (startsAtMs % chainMs !== 0) throw new RangeError(`a chain begins with a day, not at ${startsAtMs}`);
    if (!/^[0-9a-f]{64}$/.test(secret)) throw new RangeError('the secret of a chain is 32 bytes, hexadecimal');
    this.#startsAtMs = startsAtMs;
    const links = [secret];
    for (let index = 0; index < epochsPerChain; index += 1) links.push(linkBefore(links[index]!));
    this.#links = links.reverse();
  }

  get anchor(): string {
    return this.#links[0]!;
  }

  /** The seed of the epoch that `atMs` lies in; undefined outside of the chain's day. */
  drawAt(atMs: number): Draw | undefined {
    const index = Math.floor((atMs - this.#startsAtMs) / epochMs);
    const seed = index < 0 ? undefined : this.#links[index + 1];
    return seed === undefined ? undefined : { epoch: Math.floor(this.#startsAtMs / epochMs) + index, seed };
  }
}

export const chainMs = epochMs * epochsPerChain;

/** First instant of the day, UTC, that `atMs` lies in. */
export function chainStart(atMs: number): number {
  return Math.floor(atMs / chainMs) * chainMs;
}

/** Does the seed of a record follow from the anchor of its day? */
export function seedMatches(draw: Draw, anchor: string): boolean {
  if (!/^[0-9a-f]{64}$/.test(draw.seed) || !Number.isSafeInteger(draw.epoch) || draw.epoch < 0) return false;
  let link = draw.seed;
  for (let index = draw.epoch % epochsPerChain; index >= 0; index -= 1) link = linkBefore(link);
  return link === anchor;
}

function linkBefore(link: string): string {
  return hash('sha256', Buffer.from(link, 'hex'), 'hex');
}
