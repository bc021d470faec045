import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CacheControl, CacheMark } from '../../completion/request.ts';
import { FieldRules, optionalString, read, readRecord, type WireRecord } from '../wire-values.ts';

/** Prompt caching both ways: marks on parts, and what is said of the whole (openai-node 7.55, completions.ts, 2026-11). */

const markFields = new FieldRules({ mode: read, ttl: read });
const controlFields = new FieldRules({ type: read, ttl: read });
const optionFields = new FieldRules({ mode: read, ttl: read });

/** The mark of a part, a message or a tool, in either spelling. Clients of many hosts mark for Claude as Messages does, with
 *  `cache_control` (https://openrouter.ai/docs/features/prompt-caching; opencode 1.18 marks whole messages so; 2026-11). */
export function decodeMark(marked: WireRecord, path: string, losses: LossLedger): CacheMark | undefined {
  return (
    decodeCacheMark(marked['prompt_cache_breakpoint'], path, losses) ??
    decodeCacheControl(marked['cache_control'], path, losses)
  );
}

function decodeCacheControl(value: unknown, path: string, losses: LossLedger): CacheMark | undefined {
  if (value === undefined || value === null) return undefined;
  const at = `${path}.cache_control`;
  const control = readRecord(value, at);
  controlFields.check(control, at, losses);
  if (control['type'] !== 'ephemeral') throw invalid(`${at}.type`, 'is always ephemeral');
  const ttl = optionalString(control['ttl'], `${at}.ttl`);
  if (ttl !== undefined && ttl !== '5m' && ttl !== '1h') throw invalid(`${at}.ttl`, 'is 5m or 1h');
  return { ttl };
}

/** `prompt_cache_breakpoint` of a part. */
export function decodeCacheMark(value: unknown, path: string, losses: LossLedger): CacheMark | undefined {
  if (value === undefined || value === null) return undefined;
  const at = `${path}.prompt_cache_breakpoint`;
  const mark = readRecord(value, at);
  markFields.check(mark, at, losses);
  if (mark['mode'] !== 'explicit') throw invalid(`${at}.mode`, 'is always explicit');
  return { ttl: decodeTtl(mark['ttl'], `${at}.ttl`) };
}

/** A client that says anything of the cache's options wants the provider's own choice, unless it says otherwise. */
export function decodeCache(wire: WireRecord, losses: LossLedger): CacheControl | undefined {
  const key = optionalString(wire['prompt_cache_key'], 'prompt_cache_key');
  const retention = decodeRetention(wire['prompt_cache_retention']);
  const value = wire['prompt_cache_options'] ?? undefined;
  if (value === undefined) return key === undefined && retention === undefined ? undefined : { key, retention };
  const options = readRecord(value, 'prompt_cache_options');
  optionFields.check(options, 'prompt_cache_options', losses);
  const mode = optionalString(options['mode'], 'prompt_cache_options.mode') ?? 'implicit';
  if (mode !== 'implicit' && mode !== 'explicit') {
    throw invalid('prompt_cache_options.mode', 'is implicit or explicit');
  }
  return { key, retention, mode, ttl: decodeTtl(options['ttl'], 'prompt_cache_options.ttl') };
}

function decodeRetention(value: unknown): CacheControl['retention'] {
  const retention = optionalString(value, 'prompt_cache_retention');
  if (retention === undefined || retention === 'in_memory' || retention === '24h') return retention;
  throw invalid('prompt_cache_retention', 'is in_memory or 24h');
}

function decodeTtl(value: unknown, path: string): CacheMark['ttl'] {
  const ttl = optionalString(value, path);
  if (ttl === undefined || ttl === '30m' || ttl === '12h') return ttl;
  throw invalid(path, 'is 30m or 12h');
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}.`, { parameter: path });
}

export function encodeCacheMark(mark: CacheMark | undefined): unknown {
  return mark === undefined ? undefined : { mode: 'explicit', ttl: mark.ttl };
}

/** The fields of the whole request. */
export function encodeCache(cache: CacheControl | undefined): Readonly<Record<string, unknown>> {
  if (cache === undefined) return {};
  const { mode, key, retention } = cache;
  return {
    prompt_cache_options: mode === undefined ? undefined : { mode, ttl: cache.automatic?.ttl },
    prompt_cache_key: key,
    prompt_cache_retention: retention,
  };
}
