import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CacheMark } from '../../completion/request.ts';
import { FieldRules, optionalString, read, readRecord } from '../wire-values.ts';

/** `cache_control` of a block, a tool or the whole request, both ways
 *  (https://platform.claude.com/docs/en/build-with-claude/prompt-caching, 2026-11). */

const markFields = new FieldRules({ type: read, ttl: read });

export function decodeCacheMark(value: unknown, path: string, losses: LossLedger): CacheMark | undefined {
  if (value === undefined || value === null) return undefined;
  const at = path === '' ? 'cache_control' : `${path}.cache_control`;
  const mark = readRecord(value, at);
  markFields.check(mark, at, losses);
  if (mark['type'] !== 'ephemeral') throw invalid(`${at}.type`, 'is always ephemeral');
  const ttl = optionalString(mark['ttl'], `${at}.ttl`);
  if (ttl === undefined || ttl === '5m' || ttl === '1h') return { ttl };
  throw invalid(`${at}.ttl`, 'is 5m or 1h');
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}.`, { parameter: path });
}

export function encodeCacheMark(mark: CacheMark | undefined): unknown {
  return mark === undefined ? undefined : { type: 'ephemeral', ttl: mark.ttl };
}
