import { hash } from 'node:crypto';

/** 1,024 tokens by the neutral rule of estimates: providers cache no shorter prefix
 *  (https://platform.openai.com/docs/guides/prompt-caching, 2026-11). */
const blockBytes = 4_096;
const tokensPerBlock = 1_024;
/** Longer requests are compared by their first 256 kB. */
const blocksMax = 64;
/** Providers keep a prefix for five to ten minutes after its last use; the shorter, so that no saving is made up
 *  (https://platform.claude.com/docs/en/build-with-claude/prompt-caching, 2026-11). */
const warmMs = 300_000;
/** Of one worker: some 10 MB. */
const prefixesMax = 65_536;
const placesMax = 4;

/** Digests of a request's beginnings, one a block, each of everything before its end. They are of the bytes as the client
 *  sent them, which is what a conversation repeats: nothing is parsed. `owner` keeps organisations apart. */
export function prefixDigests(body: Buffer, owner: string): readonly string[] {
  const digests: string[] = [];
  const blocks = Math.min(Math.floor(body.length / blockBytes), blocksMax);
  let before = hash('sha256', owner, 'hex');
  for (let block = 0; block < blocks; block += 1) {
    const bytes = body.subarray(block * blockBytes, (block + 1) * blockBytes);
    before = hash('sha256', Buffer.concat([Buffer.from(before, 'latin1'), bytes]), 'hex').slice(0, 32);
    digests.push(before);
  }
  return digests;
}

/** Which deployments have read the beginning of a prompt lately and so may still have it in their cache. In this worker: a
 *  client that keeps its connection stays with it, and a benefit that is not known only costs what it would have saved. */
export class WarmPrefixes {
  readonly #places = new Map<string, Map<string, number>>();

  /** Tokens that the deployment has read of this prompt within a cache's life; 0 when none. */
  tokensAt(handle: string, digests: readonly string[], nowMs: number): number {
    for (let block = digests.length; block > 0; block -= 1) {
      const readAtMs = this.#places.get(digests[block - 1]!)?.get(handle);
      if (readAtMs !== undefined && Math.abs(nowMs - readAtMs) < warmMs) return block * tokensPerBlock;
    }
    return 0;
  }

  /** The deployment has answered a request that begins so. */
  answered(handle: string, digests: readonly string[], nowMs: number): void {
    for (const digest of digests) {
      const places = this.#places.get(digest) ?? new Map<string, number>();
      // Set anew, so that what was used last stays longest.
      this.#places.delete(digest);
      this.#places.set(digest, places);
      places.delete(handle);
      places.set(handle, nowMs);
      if (places.size > placesMax) places.delete(oldest(places));
      if (this.#places.size > prefixesMax) this.#places.delete(oldest(this.#places));
    }
  }
}

function oldest(map: ReadonlyMap<string, unknown>): string {
  return map.keys().next().value!; // Called for maps that have something.
}
