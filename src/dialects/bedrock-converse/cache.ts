import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CacheMark } from '../../completion/request.ts';
import { FieldRules, isRecord, optionalString, read, readRecord } from '../wire-values.ts';

/** `cachePoint`, an element of its own behind what it covers, both ways
 *  (https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html, 2026-11). */

const pointFields = new FieldRules({ type: read, ttl: read });

export function decodeCachePoint(value: unknown, path: string, losses: LossLedger): CacheMark {
  const point = readRecord(value, path);
  pointFields.check(point, path, losses);
  if (point['type'] !== 'default') throw invalid(`${path}.type`, 'is always default');
  const ttl = optionalString(point['ttl'], `${path}.ttl`);
  if (ttl === undefined || ttl === '5m' || ttl === '1h') return { ttl, path };
  throw invalid(`${path}.ttl`, 'is 5m or 1h');
}

/** Five minutes is what is so anyway, and models without a choice refuse the field. */
export function encodeCachePoint({ ttl }: CacheMark): unknown {
  return { cachePoint: { type: 'default', ttl: ttl === '5m' ? undefined : ttl } };
}

export function isCachePoint(block: unknown): boolean {
  return isRecord(block) && block['cachePoint'] !== undefined;
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}.`, { parameter: path });
}

interface Markable {
  readonly type: string;
  readonly cache?: CacheMark | undefined;
}

/** Puts the mark of a cache point onto the block before it; without one that can carry it, the mark is lost. */
export function markLast<Block extends Markable>(
  blocks: Block[],
  mark: CacheMark,
  path: string,
  losses: LossLedger,
): void {
  const last = blocks.at(-1);
  if (last === undefined || last.type === 'reasoning') losses.dropped('cache-mark-unsupported', path);
  else blocks[blocks.length - 1] = { ...last, cache: mark };
}
