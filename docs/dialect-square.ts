import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LossCode, lossCodes } from '../src/completion/loss-codes.ts';
import type { DialectName } from '../src/completion/request.ts';

/** The square of all dialects: each feature as each dialect spells it, and what differs between two of them. Its README has
 *  the format. */

export const squareDialects = [
  'openai-chat',
  'openai-responses',
  'anthropic-messages',
  'gemini',
  'cohere-chat',
  'bedrock-converse',
] as const satisfies readonly DialectName[];

/** Values by their dotted paths, put into a base; `$absent` takes one away. */
export type Changes = Readonly<Record<string, unknown>>;

export interface Spelling {
  readonly source?: string;
  /** The path of the feature in the dialect's own request, which losses and refusals name. */
  readonly at?: string;
  readonly model?: string;
  /** Changes of the dialect's base request; absent when the feature is of answers only. */
  readonly request?: Changes;
  /** false: clients of the dialect cannot say it; its request is what a provider gets instead. */
  readonly said?: boolean;
  /** Changes of its base answer. */
  readonly answer?: Changes;
  /** Events, or forms of them. */
  readonly stream?: readonly unknown[];
  /** false: providers of the dialect never answer so; its answer is what a client gets instead. */
  readonly told?: boolean;
  /** What only a provider would tell so; clients get `answer` and `stream` for it. */
  readonly tells?: { readonly answer?: Changes; readonly stream?: readonly unknown[] };
  /** A provider’s own word for why it ended: what `$native` stands for in what clients are told. */
  readonly native?: string;
  /** A refusal by a provider, and the same refusal as the gateway tells it to its client; alike unless both are there. */
  readonly fault?: FaultSpelling;
  readonly heard?: FaultSpelling;
  /** When the refusal says to come back. */
  readonly retryAfterMs?: number;
}

export interface FaultSpelling {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Difference {
  /** `code` at the place of the feature, or `code;path`. */
  readonly losses: readonly string[];
  readonly refused: { readonly code: string; readonly at?: string } | undefined;
  readonly request: Changes;
  readonly answer: Changes;
  readonly stream: readonly unknown[] | Changes;
  readonly fault: Changes;
}

export interface Feature {
  readonly name: string;
  readonly title: string;
  readonly group: string;
  readonly spellings: Readonly<Record<DialectName, Spelling>>;
  readonly asked: readonly Rule[];
  readonly answered: readonly Rule[];
}

interface Rule {
  readonly clients: readonly string[];
  readonly providers: readonly string[];
  readonly change: Partial<Difference> & { readonly instead?: boolean };
}

export interface Base {
  readonly kind: string;
  readonly model: string;
  readonly source: string;
  readonly request: unknown;
  readonly answer: unknown;
  /** Changes of it where a provider tells it: what says nothing, and is told by some only. */
  readonly told?: Changes;
  /** Changes of a whole answer that make it one that was just begun. */
  readonly begun?: Changes;
  /** Events of a stream by name: `$0`, `$1` … stand for what follows the name, `$answer` for the whole answer, `$begun` for its beginning. */
  readonly forms?: Readonly<Record<string, readonly unknown[]>>;
}

const root = new URL('../src/dialects/square/', import.meta.url);

export function readBases(): Readonly<Record<DialectName, Base>> {
  return JSON.parse(readFileSync(new URL('base.json', root), 'utf8'));
}

export const groups = [
  'conversation',
  'media',
  'tools',
  'output',
  'reasoning',
  'sampling',
  'controls',
  'ends',
  'usage',
  'errors',
] as const;

export function readFeatures(): readonly Feature[] {
  const features = globSync(`${fileURLToPath(root)}features/*.json`).map(readFeature);
  const place = ({ group, name }: Feature): string => `${groups.findIndex(known => known === group)} ${name}`;
  return features.sort((left, right) => (place(left) < place(right) ? -1 : 1));
}

const topKeys = ['title', 'group', 'spellings', 'asked', 'answered'];
const spellingKeys = 'source at model request said answer stream told tells native fault heard retryAfterMs'.split(' ');
const changeKeys = 'losses refused request answer stream fault instead'.split(' ');

function readFeature(path: string): Feature {
  const name = basename(path, '.json');
  const wire = JSON.parse(readFileSync(path, 'utf8'));
  known(Object.keys(wire), topKeys, name);
  if (!groups.includes(wire.group)) throw new Error(`${name}: there is no group ${wire.group}`);
  for (const dialect of squareDialects) {
    if (wire.spellings[dialect] === undefined) throw new Error(`${name}: ${dialect} does not spell it`);
    known(Object.keys(wire.spellings[dialect]), spellingKeys, `${name} ${dialect}`);
  }
  known(Object.keys(wire.spellings), squareDialects, name);
  return { ...wire, name, asked: readRules(wire.asked, name), answered: readRules(wire.answered, name) };
}

function readRules(wire: Readonly<Record<string, Rule['change']>> | undefined, name: string): readonly Rule[] {
  return Object.entries(wire ?? {}).map(([pairs, change]) => {
    const [clients = [], providers = []] = pairs.split(' → ').map(side => side.split(', '));
    for (const side of [...clients, ...providers]) known([side], ['*', ...squareDialects], `${name} ${pairs}`);
    known(Object.keys(change), changeKeys, `${name} ${pairs}`);
    for (const loss of change.losses ?? []) known([loss.split(';')[0]!], Object.keys(lossCodes), `${name} ${pairs}`);
    return { clients, providers, change };
  });
}

function known(names: readonly string[], all: readonly string[], where: string): void {
  const unknown = names.filter(name => !all.includes(name));
  if (unknown.length > 0) throw new Error(`${where}: ${unknown.join(', ')} is not known there`);
}

/** What is declared of a pair: every rule that fits, one after the other. */
export function differenceOf(rules: readonly Rule[], client: DialectName, provider: DialectName): Difference {
  let all: Difference = noDifference;
  for (const { clients, providers, change } of rules) {
    if (client === provider || !fits(clients, client) || !fits(providers, provider)) continue;
    const before = change.instead === true ? noDifference : all;
    all = {
      losses: [...before.losses, ...(change.losses ?? [])],
      refused: change.refused ?? before.refused,
      request: { ...before.request, ...change.request },
      answer: { ...before.answer, ...change.answer },
      stream: Array.isArray(change.stream) ? change.stream : { ...before.stream, ...change.stream },
      fault: { ...before.fault, ...change.fault },
    };
  }
  return all;
}

const noDifference: Difference = { losses: [], refused: undefined, request: {}, answer: {}, stream: {}, fault: {} };

function fits(side: readonly string[], name: string): boolean {
  return side.includes('*') || side.includes(name);
}

export type Outcome = 'same' | 'carried' | 'lost' | 'refused' | 'unsaid';

/** What becomes of a feature between two dialects, by what is declared. */
export function outcomeOf(feature: Feature, client: DialectName, provider: DialectName): Outcome {
  if (!isAsked(feature, client) && !isAnswered(feature, client, provider)) return 'unsaid';
  if (client === provider) return 'same';
  const asked = isAsked(feature, client) ? differenceOf(feature.asked, client, provider) : noDifference;
  if (asked.refused !== undefined) return 'refused';
  const answered = isAnswered(feature, client, provider)
    ? differenceOf(feature.answered, client, provider)
    : noDifference;
  return asked.losses.length + answered.losses.length > 0 ? 'lost' : 'carried';
}

/** Can a client say it? */
export function isAsked({ spellings }: Feature, client: DialectName): boolean {
  const { request, said = true } = spellings[client];
  return request !== undefined && said;
}

/** Can a provider answer so? */
export function isAnswered({ spellings }: Feature, client: DialectName, provider: DialectName): boolean {
  const { answer, stream, told = true, tells, fault } = spellings[provider];
  const { answer: seen, stream: seenStream, fault: heard } = spellings[client];
  if (fault !== undefined) return heard !== undefined;
  const isTold = told && (answer ?? stream ?? tells) !== undefined;
  return isTold && (seen ?? seenStream) !== undefined;
}

/** Loss codes of both ways, each once. */
export function codesOf(feature: Feature, client: DialectName, provider: DialectName): readonly LossCode[] {
  const asked = isAsked(feature, client) ? differenceOf(feature.asked, client, provider).losses : [];
  const answered = isAnswered(feature, client, provider)
    ? differenceOf(feature.answered, client, provider).losses
    : [];
  // The cast is true: readRules saw to it.
  return [...new Set([...asked, ...answered].map(loss => loss.split(';')[0]! as LossCode))];
}
