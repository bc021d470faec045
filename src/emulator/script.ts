/** Fault scripts: what goes wrong, and when, with one request. Grammar in scripts.md beside this file. */
export interface Script {
  readonly text: string;
  readonly when: ScriptCondition;
  /** Breaks off before any response. */
  readonly connection: 'reset' | 'hang' | undefined;
  readonly failure: ScriptFailure | undefined;
  readonly headers: readonly ScriptHeader[];
  readonly ttfbMs: number;
  readonly ttftMs: number;
  readonly paceMs: number;
  /** Bytes of one write; `event` follows the events of a stream, `whole` is one write. */
  readonly chunks: 'event' | 'whole' | number;
  readonly breakOff: ScriptBreak | undefined;
  readonly content: ScriptContent;
}

export interface ScriptCondition {
  readonly model: string | undefined;
  /** Only the nth request that matches, counted from 1. */
  readonly nth: number | undefined;
  /** Only the first requests that match. */
  readonly times: number | undefined;
  /** What the counts belong to; the script's own text unless said. */
  readonly id: string | undefined;
}

export interface ScriptFailure {
  readonly status: number;
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly form: 'json' | 'html' | 'text' | 'empty';
}

export interface ScriptHeader {
  readonly name: string;
  /** A literal, or an instant relative to now in one of the forms providers use. */
  readonly value: string | { readonly form: 'http-date' | 'rfc3339'; readonly offsetMs: number };
}

export interface ScriptBreak {
  readonly kind: 'reset' | 'hang' | 'cut' | 'end' | 'malformed' | 'corrupt' | 'error' | 'duplicate';
  /** Events of a stream, bytes of a whole answer. */
  readonly after: number;
  readonly errorType: string | undefined;
}

export interface ScriptContent {
  readonly tokens: number | undefined;
  readonly textBytes: number | undefined;
  readonly usage: 'none' | undefined;
  readonly cacheRead: number | undefined;
  readonly cacheWrite5m: number | undefined;
  readonly cacheWrite1h: number | undefined;
  readonly reasoning: number | undefined;
  readonly reportInput: number | undefined;
  readonly reportOutput: number | undefined;
  /** Who goes on with a text says so many of its last characters again. */
  readonly againCharacters: number | undefined;
  readonly servedModel: string | undefined;
  readonly tier: string | undefined;
  /** Why the answer says it ended, in the provider's own word. */
  readonly finish: string | undefined;
  /** Gemini: the prompt is not answered, for this reason. */
  readonly blocked: string | undefined;
  /** Chat completions only: the host shows its reasoning by this name, and wants it back with the calls it led to. */
  readonly showReasoning: 'reasoning_content' | 'reasoning' | 'reasoning_details' | undefined;
}

export class ScriptError extends Error {
  override readonly name = 'ScriptError';
}

/** No script may hold a connection longer than this by a delay. */
const delayMsMax = 600_000;
const countMax = 100_000_000;
/** The longest text a script can ask for; it is made in memory. */
const textBytesMax = 64 * 1024 * 1024;
const scriptBytesMax = 8_192;
const headersMax = 32;

const contentNumbers = {
  tokens: 'tokens',
  body: 'textBytes',
  cached: 'cacheRead',
  'cache-write-5m': 'cacheWrite5m',
  'cache-write-1h': 'cacheWrite1h',
  reasoning: 'reasoning',
  'report-input': 'reportInput',
  'report-output': 'reportOutput',
  again: 'againCharacters',
} as const;

const breakKinds = {
  'reset-after': 'reset',
  'hang-after': 'hang',
  'cut-after': 'cut',
  'end-after': 'end',
  'malformed-after': 'malformed',
  'corrupt-after': 'corrupt',
  'error-after': 'error',
  'duplicate-after': 'duplicate',
} as const;

const headerShorthand = /^(retry-after|retry-after-ms|x-should-retry|x-ratelimit-[a-z-]+|anthropic-ratelimit-[a-z-]+)$/;

export const noScript: Script = parseScript('');

/** Several scripts separated by `|`: the first whose conditions hold is used. Throws ScriptError. */
export function parseScripts(text: string): readonly Script[] {
  if (Buffer.byteLength(text) > scriptBytesMax) throw new ScriptError(`the script is over ${scriptBytesMax} bytes`);
  return text.split('|').map(part => parseScript(part.trim()));
}

export function parseScript(text: string): Script {
  const entries = readEntries(text);
  const take = (key: string): string | undefined => {
    const value = entries.get(key);
    entries.delete(key);
    return value;
  };

  const when: ScriptCondition = {
    model: readText('model', take('model')),
    nth: readCount('nth', take('nth'), 1),
    times: readCount('times', take('times'), 0),
    id: readText('id', take('id')),
  };
  const connection = readConnection(take('reset'), take('hang'));
  const failure = readFailure(take('status'), take('code'), take('message'), take('as'));
  const breakOff = readBreak(take);
  const content = readContent(take);
  const ttfbMs = readDuration('ttfb', take('ttfb'));
  const ttftMs = readDuration('ttft', take('ttft'));
  const paceMs = readDuration('pace', take('pace'));
  const chunks = readChunks(take('chunks'));
  const headers = readHeaders(entries);

  for (const key of entries.keys()) throw new ScriptError(unknownKey(key));
  return { text, when, connection, failure, headers, ttfbMs, ttftMs, paceMs, chunks, breakOff, content };
}

function unknownKey(key: string): string {
  if (key === 'refuse') return 'refuse closes the listener, so it is not for one request: use the control API';
  return `unknown key ${JSON.stringify(key)}`;
}

/** Splits `key=value;flag`. A flag is kept as an empty text. */
function readEntries(text: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const part of text.split(';')) {
    const entry = part.trim();
    if (entry === '') continue;
    const equals = entry.indexOf('=');
    const key = equals === -1 ? entry : entry.slice(0, equals).trim();
    if (entries.has(key)) throw new ScriptError(`${key} is given twice`);
    entries.set(key, equals === -1 ? '' : entry.slice(equals + 1).trim());
  }
  return entries;
}

function readConnection(reset: string | undefined, hang: string | undefined): 'reset' | 'hang' | undefined {
  if (reset !== undefined && hang !== undefined) throw new ScriptError('reset and hang exclude each other');
  if (reset !== undefined) return readFlag('reset', reset);
  if (hang !== undefined) return readFlag('hang', hang);
  return undefined;
}

function readFlag<Key extends string>(key: Key, value: string): Key {
  if (value !== '') throw new ScriptError(`${key} takes no value`);
  return key;
}

function readFailure(
  status: string | undefined,
  code: string | undefined,
  message: string | undefined,
  form: string | undefined,
): ScriptFailure | undefined {
  if (status === undefined) {
    if (code !== undefined || message !== undefined || form !== undefined) {
      throw new ScriptError('code, message and as need a status');
    }
    return undefined;
  }
  const number = readCount('status', status, 400)!;
  if (number > 599) throw new ScriptError('status is from 400 to 599');
  const known = form ?? 'json';
  if (known !== 'json' && known !== 'html' && known !== 'text' && known !== 'empty') {
    throw new ScriptError('as is json, html, text or empty');
  }
  return { status: number, code: readText('code', code), message: readText('message', message), form: known };
}

function readBreak(take: (key: string) => string | undefined): ScriptBreak | undefined {
  let found: ScriptBreak | undefined;
  const errorType = readText('error-type', take('error-type'));
  for (const [key, kind] of Object.entries(breakKinds)) {
    const after = readCount(key, take(key), 0);
    if (after === undefined) continue;
    if (found !== undefined) throw new ScriptError('an answer breaks off only once');
    found = { kind, after, errorType };
  }
  if (errorType !== undefined && found?.kind !== 'error') throw new ScriptError('error-type needs error-after');
  return found;
}

function readContent(take: (key: string) => string | undefined): ScriptContent {
  const numbers: Partial<Record<(typeof contentNumbers)[keyof typeof contentNumbers], number | undefined>> = {};
  for (const [key, field] of Object.entries(contentNumbers)) numbers[field] = readCount(key, take(key), 0);
  if ((numbers.textBytes ?? 0) > textBytesMax) throw new ScriptError(`body is at most ${textBytesMax}`);
  if ((numbers.tokens ?? 0) > textBytesMax / 4) throw new ScriptError(`tokens is at most ${textBytesMax / 4}`);
  const usage = take('usage');
  if (usage !== undefined && usage !== 'none') throw new ScriptError('usage can only be none');
  return {
    tokens: numbers.tokens,
    textBytes: numbers.textBytes,
    usage,
    cacheRead: numbers.cacheRead,
    cacheWrite5m: numbers.cacheWrite5m,
    cacheWrite1h: numbers.cacheWrite1h,
    reasoning: numbers.reasoning,
    reportInput: numbers.reportInput,
    reportOutput: numbers.reportOutput,
    againCharacters: numbers.againCharacters,
    servedModel: readText('served-model', take('served-model')),
    tier: readText('tier', take('tier')),
    finish: readText('finish', take('finish')),
    blocked: readText('blocked', take('blocked')),
    showReasoning: readShown(take('show-reasoning')),
  };
}

function readShown(value: string | undefined): ScriptContent['showReasoning'] {
  const names = ['reasoning_content', 'reasoning', 'reasoning_details'] as const;
  if (value === undefined) return undefined;
  const name = names.find(known => known === value);
  if (name === undefined) throw new ScriptError(`show-reasoning is one of ${names.join(', ')}`);
  return name;
}

function readHeaders(entries: Map<string, string>): ScriptHeader[] {
  const headers: ScriptHeader[] = [];
  for (const [key, value] of [...entries]) {
    const name = key.startsWith('header.') ? key.slice('header.'.length) : key;
    if (name === key && !headerShorthand.test(key)) continue;
    if (!/^[a-z0-9-]{1,64}$/.test(name)) throw new ScriptError(`${JSON.stringify(name)} is not a header name`);
    if (!/^[\t\x20-\x7e]{0,1024}$/.test(value)) throw new ScriptError(`${name} has a value that no header can carry`);
    entries.delete(key);
    headers.push({ name, value: readHeaderValue(value) });
  }
  if (headers.length > headersMax) throw new ScriptError(`more than ${headersMax} headers`);
  return headers;
}

function readHeaderValue(value: string): ScriptHeader['value'] {
  const match = /^(http-date|rfc3339)\(([+-]\d{1,9})(ms|s)\)$/.exec(value);
  if (match === null) return value;
  const offsetMs = Number(match[2]) * (match[3] === 's' ? 1_000 : 1);
  return { form: match[1] === 'rfc3339' ? 'rfc3339' : 'http-date', offsetMs };
}

export function writeHeaderValue(value: ScriptHeader['value'], nowMs: number): string {
  if (typeof value === 'string') return value;
  const instant = new Date(nowMs + value.offsetMs);
  return value.form === 'http-date' ? instant.toUTCString() : instant.toISOString();
}

function readChunks(value: string | undefined): Script['chunks'] {
  if (value === undefined || value === 'event') return 'event';
  if (value === 'whole') return 'whole';
  if (value === 'byte') return 1;
  if (!/^\d+$/.test(value)) throw new ScriptError('chunks is byte, event, whole or a number of bytes');
  return readCount('chunks', value, 1)!;
}

function readText(key: string, value: string | undefined): string | undefined {
  if (value === '') throw new ScriptError(`${key} needs a value`);
  return value;
}

function readCount(key: string, value: string | undefined, min: number): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,9}$/.test(value)) throw new ScriptError(`${key} needs a whole number`);
  const number = Number(value);
  if (number < min || number > countMax) throw new ScriptError(`${key} is from ${min} to ${countMax}`);
  return number;
}

function readDuration(key: string, value: string | undefined): number {
  if (value === undefined) return 0;
  const match = /^(\d{1,9})(ms|s)$/.exec(value);
  if (match === null) throw new ScriptError(`${key} needs a duration such as 250ms or 2s`);
  const durationMs = Number(match[1]) * (match[2] === 's' ? 1_000 : 1);
  if (durationMs > delayMsMax) throw new ScriptError(`${key} is at most ${delayMsMax} ms`);
  return durationMs;
}
