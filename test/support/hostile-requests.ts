import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { caseFile, readDialectCases } from '../../docs/dialect-cases.ts';
import { Fault } from '../../src/completion/fault.ts';
import { LossLedger } from '../../src/completion/loss.ts';
import type { DialectName } from '../../src/completion/request.ts';
import type { Dialect } from '../../src/dialects/dialect.ts';
import { jsonDepthMax } from '../../src/dialects/json-scan.ts';
import { dialects } from '../../src/dialects/registry.ts';
import { translateRequest } from '../../src/dialects/translate.ts';
import { Refusal } from '../../src/emulator/answer.ts';
import { validateMessages } from '../../src/emulator/anthropic/validate.ts';
import { validateChat } from '../../src/emulator/openai/validate.ts';
import { validateResponses } from '../../src/emulator/responses/validate.ts';
import { profileOf } from '../../src/gateway/profiles.ts';
import { providerOf } from '../../src/providers/registry.ts';
import { isSilent, pathFacts } from './dialect-rows.ts';
import { hostileValues, type Path, placesOf, tooDeep, withText } from './hostile-values.ts';

/** Requests with something hostile at one place, on the whole way to a provider of another dialect. */

interface Target {
  readonly kind: string;
  readonly model: string;
}

const targets: Readonly<Record<string, readonly Target[]>> = {
  'openai-chat': [
    { kind: 'openai', model: 'gpt-5.6' },
    { kind: 'openai-compatible', model: 'llama' },
    { kind: 'mistral', model: 'mistral-large' },
    { kind: 'groq', model: 'qwen' },
    { kind: 'deepseek', model: 'deepseek-v4' },
  ],
  'openai-responses': [
    { kind: 'openai', model: 'gpt-5.6' },
    { kind: 'openai', model: 'gpt-4.1' },
    { kind: 'openai-compatible', model: 'llama' },
    { kind: 'xai', model: 'grok-4' },
    { kind: 'deepseek', model: 'deepseek-v4' },
  ],
  'anthropic-messages': [
    { kind: 'anthropic', model: 'claude-opus-4-8' },
    { kind: 'anthropic', model: 'claude-3-5-haiku' },
    { kind: 'anthropic-compatible', model: 'qwen' },
  ],
  'bedrock-converse': [
    { kind: 'bedrock', model: 'anthropic.claude-opus-4-8' },
    { kind: 'bedrock', model: 'amazon.nova-2-lite-v1:0' },
    { kind: 'bedrock', model: 'meta.llama3-3-70b-instruct-v1:0' },
  ],
  gemini: [
    { kind: 'gemini', model: 'gemini-3-flash-preview' },
    { kind: 'gemini', model: 'gemini-2.5-pro' },
    { kind: 'gemini', model: 'gemini-2.0-flash' },
  ],
  'cohere-chat': [
    { kind: 'cohere', model: 'command-a-plus-05-2026' },
    { kind: 'cohere', model: 'command-r-08-2024' },
  ],
};

/** Larger ones have thousands of places that are like each other. */
const baseBytesMax = 6_000;

/** Requests of a dialect to change: its fixtures and cases. */
export function baseRequests(client: Dialect): readonly string[] {
  const folder = new URL(`../../src/dialects/${client.name}/fixtures/requests/`, import.meta.url);
  const fixtures = readdirSync(folder).map(name => readFileSync(new URL(name, folder), 'utf8'));
  const cases = readDialectCases().filter(one => one.client === client.name);
  const all = [...fixtures, ...cases.map(one => caseFile(one, 'request.json')!)];
  return all.filter(text => text.length <= baseBytesMax);
}

export interface HostileRequest {
  readonly body: Buffer;
  readonly place: Path;
  readonly what: string;
}

/** Every place × every hostile value, without it, with it twice, and too deep; every `step`th of them from `first`. */
export function* hostileRequests(
  base: string,
  { first, step }: { readonly first: number; readonly step: number },
): Generator<HostileRequest> {
  const value = JSON.parse(base);
  let count = -first;
  for (const place of placesOf(value)) {
    for (const text of [...hostileValues, undefined, tooDeep, twice]) {
      count += 1;
      if (count % step !== 0) continue;
      const changed = text === twice ? withText(value, place, 'null', true) : withText(value, place, text);
      yield { body: Buffer.from(changed), place, what: (text ?? 'missing').slice(0, 40) };
    }
  }
}

const twice = 'twice';

/** `carried`, or the code of the fault. */
export type Fate = string;

/** Codes that say what is wrong with a request, all of them the client's to mend. */
const clientFaults = new Set([
  'parameter_missing',
  'parameter_invalid',
  'translation_unsupported',
  'media_fetch_refused',
  'stored_state_unsupported',
  'tool_call_missing',
  'tool_output_missing',
  'json_too_deep',
  'json_duplicate_key',
  'json_malformed',
]);

/** Carries one to a provider of another dialect, each in its turn unless said, and asserts what must hold of every request, however
 *  hostile. */
export function fateOf(client: Dialect, request: HostileRequest, number: number, always?: DialectName): Fate {
  const others = [...dialects.values()].filter(({ name }) =>
    always === undefined ? name !== client.name : name === always,
  );
  const provider = others[number % others.length]!;
  const known = targets[provider.name]!;
  const { kind, model } = known[Math.floor(number / others.length) % known.length]!;
  const where = `${request.place.join('.')} = ${request.what}, to ${kind}`;
  const profile = profileOf(kind, provider.name, model);
  const { streamOptions, outputLimit } = providerOf(kind).quirks;
  const target = {
    targetModel: model,
    outputTokensMax: 4096,
    profile,
    streamOptions,
    outputLimitField: outputLimit,
  };
  let written: Buffer;
  try {
    const named = pathFacts(client.name, 'acme/hostile');
    client.scanRequest(request.body, named);
    written = translateRequest(request.body, { client, provider, target, named }).body;
  } catch (fault) {
    assert.ok(fault instanceof Fault, `${where}: ${(fault as Error).stack}`);
    assert.ok(clientFaults.has(fault.code), `${where}: ${fault.code}`);
    assert.ok(fault.status >= 400 && fault.status < 500, where);
    assert.ok(fault.message.length < 1_000, where);
    if (!fault.code.startsWith('json_')) assert.ok(fault.parameter !== undefined, where);
    return fault.code;
  }
  // One that is as deep as may be is deeper where a dialect has an object more around a schema.
  if (isTooDeep(written)) return 'carried';
  const named = pathFacts(provider.name, model);
  assert.equal(provider.scanRequest(written, named).requestedModel, model, where);
  // A host's own words are not of the dialect, which reads the others again.
  const isOwn = provider.name !== 'openai-chat' || kind === 'openai';
  if (isOwn && !isSilent(provider.name, JSON.parse(written.toString()))) {
    provider.decodeRequest(written, new LossLedger(), named);
  }
  if (kind === 'openai' || kind === 'anthropic') assertTaken(written, provider, where);
  return 'carried';
}

function isTooDeep(body: Buffer): boolean {
  let depth = 0;
  let deepest = 0;
  // Strings apart, brackets are all that nests.
  for (const [bracket] of body
    .toString()
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '')
    .matchAll(/[[{}\]]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest > jsonDepthMax;
}

/** What the providers' own rules say of it, by an emulator that knows nothing of this code: no type is wrong. */
function assertTaken(written: Buffer, provider: Dialect, where: string): void {
  const body = JSON.parse(written.toString());
  const isSampled = ['temperature', 'top_p', 'top_k'].some(name => body[name] !== undefined);
  try {
    if (provider.name === 'openai-chat') validateChat(body);
    else if (provider.name === 'openai-responses') validateResponses(body);
    else if (provider.name === 'anthropic-messages')
      validateMessages(body, { version: isSampled ? '2023-06-01' : '2026-10-21', beta: false });
  } catch (refusal) {
    assert.ok(refusal instanceof Refusal, `${where}: ${(refusal as Error).stack}`);
    const isLeft = leftToProviders.some(pattern => pattern.test(refusal.message));
    assert.ok(isLeft, `${where}: ${refusal.message}\n${written.toString().slice(0, 1_000)}`);
  }
}

/** Providers differ in these and change them, so they are theirs to refuse: what a value may be, not of which type. */
const leftToProviders: readonly RegExp[] = [
  // Envelopes are not opened on this way.
  /could not be verified/,
  // What a schema is called.
  /Invalid 'text\.format\.name'/,
  // A form of the answer that the prompt does not speak of.
  /must contain the word 'json'/,
  // Ranges of numbers and lengths.
  /(?:greater|less) than or equal to|(?:below minimum|above maximum) value|too long|too many|should have at (?:least|most)/i,
  // A value that only some models know.
  /Unsupported value: .* is not supported with the .* model/,
  // A choice of a tool that is not there, and a schema that is of no object.
  /not found in|input_schema\.type|must be a JSON Schema of 'type: "object"'/,
  // A form that the prompt must name too; other APIs only advise it.
  /must contain the word 'json'/,
  // Nothing but blank texts.
  /at least one message|empty array/,
  // Envelopes and signatures, which the gateway looks at before.
  /Invalid `(?:data|signature)` in/,
];
