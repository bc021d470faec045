import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { caseFile, readDialectCases } from '../../docs/dialect-cases.ts';
import type { CompletionEvent } from '../../src/completion/event.ts';
import { Fault } from '../../src/completion/fault.ts';
import { LossLedger, lossesMax } from '../../src/completion/loss.ts';
import type { DialectName } from '../../src/completion/request.ts';
import { checkStream } from '../../src/completion/stream-laws.ts';
import type { AnswerContext, Dialect } from '../../src/dialects/dialect.ts';
import { type AnswerForm, plainForm, restoreAnswer, restoreStream } from '../../src/dialects/lower/answer-form.ts';
import { dialects } from '../../src/dialects/registry.ts';
import { dialectRows, framesOf } from './dialect-rows.ts';
import { binaryEvent, readBinaryEvents } from './event-stream.ts';
import { hostileValues, placesOf, tooDeep, withText } from './hostile-values.ts';

/** Answers of providers, changed by chance from a seed, and what must hold of them all: nothing is thrown, the laws of
 *  streams are kept whatever the chunks, and what a client is given it can read. */

export interface Corpus {
  readonly dialect: Dialect;
  /** Streams as events: each with its blank line, where it has one. */
  readonly streams: readonly (readonly Buffer[])[];
  readonly answers: readonly Buffer[];
}

/** Every stream and answer that lies in the fixtures and cases, by the dialect it is in. */
export function readCorpora(): readonly Corpus[] {
  const cases = readDialectCases();
  return [...dialects.values()].map(dialect => {
    const inCases = (own: string, other: string): Buffer[] =>
      cases.flatMap(one => [
        ...(one.provider === dialect.name ? fileOf(one, own) : []),
        ...(one.client === dialect.name ? fileOf(one, other) : []),
      ]);
    return {
      dialect,
      streams: [...fixtures(dialect.name, 'streams'), ...inCases('answer.sse', 'client-answer.sse')].map(bytes =>
        framesOf(dialect.name, bytes),
      ),
      answers: [...fixtures(dialect.name, 'answers'), ...inCases('answer.json', 'client-answer.json')],
    };
  });
}

function fileOf(one: Parameters<typeof caseFile>[0], name: string): Buffer[] {
  const text = caseFile(one, name);
  return text === undefined ? [] : [Buffer.from(text)];
}

function fixtures(dialect: DialectName, kind: string): Buffer[] {
  const folder = new URL(`../../src/dialects/${dialect}/fixtures/${kind}/`, import.meta.url);
  const names = readdirSync(folder).filter(name => name !== 'expected.json');
  return names.sort().map(name => readFileSync(new URL(name, folder)));
}

/** A number below `below`. */
export type Random = (below: number) => number;

/** mulberry32: small, and the same everywhere. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return below => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  };
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[random(values.length)]!;
}

/** One to four changes of a stream of the corpus. */
export function mutatedStream(corpus: Corpus, random: Random): Buffer {
  let events = [...pick(random, corpus.streams)];
  for (let change = 1 + random(4); change > 0; change -= 1) events = changedEvents(events, corpus, random);
  const bytes = Buffer.concat(events);
  switch (random(8)) {
    case 0:
      return bytes.subarray(0, random(bytes.length + 1));
    case 1:
      return flipped(bytes, random);
    case 2: {
      const at = random(bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, at), pick(random, noise), bytes.subarray(at)]);
    }
    default:
      return bytes;
  }
}

/** Not UTF-8, not JSON, not of this place. */
const noise: readonly Buffer[] = [
  Buffer.from([0xff]),
  Buffer.from([0xc3, 0x28]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0]),
  Buffer.from('\n\n'),
  Buffer.from('\r'),
  Buffer.from('data:'),
  Buffer.from(': comment\n\n'),
  Buffer.from('\ufeff'),
];

function changedEvents(events: readonly Buffer[], corpus: Corpus, random: Random): Buffer[] {
  if (events.length === 0) return [];
  const at = random(events.length);
  const [before, here, after] = [events.slice(0, at), events.slice(at, at + 1), events.slice(at + 1)];
  switch (random(8)) {
    case 0:
      return [...before, ...here, ...here, ...after];
    case 1:
      return [...before, ...after];
    case 2: {
      const other = random(events.length);
      const swapped = [...events];
      [swapped[at], swapped[other]] = [swapped[other]!, swapped[at]!];
      return swapped;
    }
    case 3: {
      const donor = pick(random, corpus.streams);
      const from = random(donor.length);
      return [...before, ...donor.slice(from, from + 1 + random(4)), ...here, ...after];
    }
    default:
      return [...before, ...here.map(event => changedEvent(event, corpus.dialect.name, random)), ...after];
  }
}

function changedEvent(event: Buffer, dialect: DialectName, random: Random): Buffer {
  if (dialectRows[dialect].frames === 'binary') return changedFrame(event, random);
  const text = event.toString();
  const line = /^(data: ?)(\{.*\})(?=\r?$)/m.exec(text);
  if (line === null) return flipped(event, random);
  const changed = changedJson(line[2]!, random);
  // A function, since `$` means something in a string.
  return Buffer.from(text.replace(line[2]!, () => changed));
}

/** Its payload changed and its CRCs right, or a byte of it changed and its CRCs wrong. */
function changedFrame(frame: Buffer, random: Random): Buffer {
  let fields: Record<string, unknown> | undefined;
  try {
    [fields] = readBinaryEvents(frame);
  } catch {
    return flipped(frame, random);
  }
  if (fields === undefined || random(6) === 0) return flipped(frame, random);
  const json = changedJson(JSON.stringify(fields['payload']), random);
  return binaryEvent({ ...fields, payload: undefined }, json);
}

/** JSON with something hostile at some place, or without it; as it is when it cannot be read. */
function changedJson(json: string, random: Random): string {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return json;
  }
  const places = placesOf(value);
  if (places.length === 0) return json;
  const place = pick(random, places);
  const choice = random(hostileValues.length + 4);
  if (choice === 0) return withText(value, place, undefined);
  if (choice === 1) return withText(value, place, tooDeep);
  if (choice === 2) return withText(value, place, pick(random, hostileValues), true);
  if (choice === 3) return withText(value, place, String(random(4)));
  return withText(value, place, hostileValues[choice - 4]);
}

function flipped(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  for (let flips = 1 + random(3); flips > 0 && copy.length > 0; flips -= 1) copy[random(copy.length)] = random(256);
  return copy;
}

/** A whole answer, changed in one to four places. */
export function mutatedAnswer(corpus: Corpus, random: Random): Buffer {
  let text = pick(random, corpus.answers).toString();
  for (let change = 1 + random(4); change > 0; change -= 1) text = changedJson(text, random);
  return random(8) === 0 ? flipped(Buffer.from(text), random) : Buffer.from(text);
}

/** Cuts anywhere, so that every chunk boundary is met in the end. */
function chunksOf(bytes: Buffer, random: Random): Buffer[] {
  const chunks: Buffer[] = [];
  const sizeMax = 1 + random(400);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random(sizeMax);
    // Copies: no decoder may rely on what lies behind its chunk.
    chunks.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  return chunks;
}

const forms: readonly AnswerForm[] = [
  plainForm,
  {
    toolNames: new Map([['lookup', 'look.up']]),
    customTools: new Set(['look.up', 'get_weather']),
    namespaces: new Map([['look_up', { namespace: 'look', name: 'up' }]]),
    legacyFunctions: false,
  },
  { ...plainForm, legacyFunctions: true },
];

function contextOf(form: AnswerForm): AnswerContext {
  return {
    exchangeId: 'ex_1',
    targetModel: 'm',
    createdAtMs: 0,
    streamUsage: true,
    inputTokensEstimate: 7,
    losses: new LossLedger(),
    form,
  };
}

/** How many of a run came to which end; a run in which all of them fail proves little. */
export interface FuzzTally {
  ended: number;
  failed: number;
}

export function checkStreamCase(dialect: Dialect, bytes: Buffer, random: Random, tally: FuzzTally): void {
  const chunks = chunksOf(bytes, random);
  checkObserver(dialect, bytes, chunks);
  const form = pick(random, forms);
  const { events, losses } = decoded(dialect, [bytes], form);
  assert.deepEqual(shown(decoded(dialect, chunks, form).events), shown(events), 'chunks mean nothing');
  checkStream(events);
  assert.ok(losses.losses.length <= lossesMax);
  const last = events.at(-1)!;
  if (last.type === 'error') {
    tally.failed += 1;
    assert.match(last.fault.code, /^(?:upstream_|content_filtered|context_)/);
    assert.ok(last.fault.message.length < 5_000);
  } else tally.ended += 1;
  for (const client of dialects.values()) checkClientStream(client, events, form);
  checkWhole(events, form);
}

function checkObserver(dialect: Dialect, bytes: Buffer, chunks: readonly Buffer[]): void {
  const observer = dialect.observeStream({ stripUsage: false });
  const passed: Buffer[] = [];
  let state = '';
  for (const chunk of [...chunks, undefined]) {
    const step = chunk === undefined ? observer.finish() : observer.push(chunk);
    for (const part of [step.pass, step.held]) if (part !== undefined) passed.push(Buffer.from(part));
    state = step.state;
  }
  const out = Buffer.concat(passed);
  const common = Math.min(out.length, bytes.length);
  assert.ok(out.subarray(0, common).equals(bytes.subarray(0, common)), 'the bytes are those that came');
  assert.ok(out.length <= bytes.length + 2);
  assert.ok(['nothing', 'content', 'ended', 'failed'].includes(state));
  JSON.stringify(observer.facts);
}

function decoded(dialect: Dialect, chunks: readonly Buffer[], form: AnswerForm) {
  const losses = new LossLedger();
  const decoder = restoreStream(dialect.decodeStream(losses), form);
  const events = [...chunks.flatMap(chunk => decoder.push(chunk)), ...decoder.finish()];
  JSON.stringify(decoder.facts);
  return { events, losses };
}

/** Faults as their codes, so that events can be compared. */
function shown(events: readonly CompletionEvent[]): unknown {
  return events.map(event => (event.type === 'error' ? { type: 'error', code: event.fault.code } : event));
}

/** What the client's dialect writes, it reads: an answer that ended ends, and one that failed fails. */
function checkClientStream(client: Dialect, events: readonly CompletionEvent[], form: AnswerForm): void {
  const encoder = client.encodeStream(contextOf(form));
  const bytes = Buffer.concat(events.map(event => encoder.push(event)));
  if (form.legacyFunctions) return;
  const again = decoded(client, [bytes], plainForm).events;
  checkStream(again);
  if (again.at(-1)!.type === 'error' && isTangled(client.name, events)) return;
  assert.equal(again.at(-1)!.type, events.at(-1)!.type, `as ${client.name}: ${bytes.toString()}`);
  if (again.at(-1)!.type === 'error') return;
  // Messages has no block for a refusal: its text is a text, and what is read as one again is the explanation beside it.
  const isRepeated = client.name === 'anthropic-messages';
  const byBlock = inTurn.has(client.name);
  assert.deepEqual(proseOf(again, isRepeated, false), proseOf(events, false, byBlock), `as ${client.name}`);
}

/** Wires on which blocks follow one another. */
const inTurn: ReadonlySet<DialectName> = new Set(['anthropic-messages', 'cohere-chat', 'bedrock-converse']);

/** What no provider sends and two wires cannot be read again with: in Chat, arguments behind such as were whole while another
 *  call had begun; in Responses, text of a part behind the part that followed it. */
function isTangled(client: DialectName, events: readonly CompletionEvent[]): boolean {
  if (client !== 'openai-chat' && client !== 'openai-responses') return false;
  const kind = client === 'openai-chat' ? 'arguments-delta' : 'text-delta';
  let furthest = -1;
  for (const event of events) {
    if (event.type !== kind) continue;
    if (event.index < furthest) return true;
    furthest = event.index;
  }
  return false;
}

/** Texts by their kind, which every dialect carries; block by block where the blocks of a wire follow one another. */
function proseOf(events: readonly CompletionEvent[], withoutRefusals: boolean, byBlock: boolean): unknown {
  const blocks: { kind: string; text: string }[] = [];
  const said = { prose: '', reasoning: '' };
  for (const event of events) {
    if (event.type === 'block-open') blocks[event.index] = { kind: event.block.type, text: '' };
    if (event.type !== 'text-delta') continue;
    const block = blocks[event.index]!;
    block.text += event.text;
    if (!byBlock) add(said, block.kind, event.text, withoutRefusals);
  }
  if (byBlock) for (const { kind, text } of blocks) add(said, kind, text, withoutRefusals);
  return said;
}

function add(said: { prose: string; reasoning: string }, kind: string, text: string, withoutRefusals: boolean): void {
  if (kind === 'reasoning') said.reasoning += text;
  else if (!(kind === 'refusal' && withoutRefusals)) said.prose += text;
}

function checkWhole(events: readonly CompletionEvent[], form: AnswerForm): void {
  for (const client of dialects.values()) {
    try {
      JSON.parse(client.encodeAnswer(events, contextOf(form)).toString());
    } catch (fault) {
      assert.ok(fault instanceof Fault && events.at(-1)!.type === 'error', String((fault as Error).stack));
    }
  }
}

export function checkAnswerCase(dialect: Dialect, bytes: Buffer, random: Random, tally: FuzzTally): void {
  const form = pick(random, forms);
  JSON.stringify(dialect.observeAnswer(bytes));
  const losses = new LossLedger();
  const events = restoreAnswer(dialect.decodeAnswer(bytes, losses), form);
  checkStream(events);
  tally[events.at(-1)!.type === 'error' ? 'failed' : 'ended'] += 1;
  for (const client of dialects.values()) checkClientStream(client, events, form);
  checkWhole(events, form);
}
