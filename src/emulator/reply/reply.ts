import type { ScriptContent } from '../script.ts';
import type { Directives } from './directives.ts';
import { writeInstance } from './schema-instance.ts';
import { deriveSeed, type Seed } from './seed.ts';
import { countTokens, cutToBytes, cutToTokens } from './tokens.ts';
import { writeText } from './words.ts';

/** What one answer must be made of, whatever the wire format. */
export interface Ask {
  readonly seed: Seed;
  readonly directives: Directives;
  readonly script: ScriptContent;
  readonly systemText: string;
  /** Results of tools that the last turn brought; an answer to them is text, unless a call is forced or a step. */
  readonly results: readonly ToolResult[];
  /** The directives are one step of several. */
  readonly stepped: boolean;
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: ToolChoice;
  readonly parallelCalls: boolean;
  readonly outputTokensMax: number;
  readonly stops: readonly string[];
  /** A text of the assistant that the answer goes on with. */
  readonly continued?: string | undefined;
  /** The text must be a JSON instance of this schema. */
  readonly textSchema: unknown;
  /** Tokens of reasoning the model would spend; undefined when reasoning is off. */
  readonly reasoningTokens: number | undefined;
}

export interface ToolDefinition {
  readonly name: string;
  /** JSON Schema of the arguments; undefined for a tool that takes free text. */
  readonly schema: unknown;
}

export interface ToolResult {
  readonly name: string;
  readonly text: string;
}

export type ToolChoice =
  | { readonly type: 'auto' | 'none' | 'any' }
  | { readonly type: 'named'; readonly names: readonly string[] };

export interface Reply {
  readonly reasoning: string | undefined;
  readonly reasoningTokens: number;
  readonly text: string;
  readonly refused: boolean;
  readonly calls: readonly ReplyCall[];
  readonly finish: 'stop' | 'stop-sequence' | 'length' | 'tool' | 'refusal';
  readonly stopSequence: string | undefined;
  /** Reasoning included. */
  readonly outputTokens: number;
}

export interface ReplyCall {
  readonly name: string;
  readonly digest: string;
  /** The tool has no schema and takes any text. */
  readonly freeText: boolean;
  /** JSON text, or free text. Cut short when `complete` is false. */
  readonly input: string;
  readonly complete: boolean;
}

const resultTextCharactersMax = 400;
const refusalText = 'I cannot help with that.';

export function composeReply(ask: Ask): Reply {
  const wanted = ask.script.reasoning ?? ask.directives.thinkTokens ?? ask.reasoningTokens;
  const reasoningTokens = ask.reasoningTokens === undefined ? 0 : Math.min(wanted ?? 0, ask.outputTokensMax);
  const reasoning = reasoningTokens === 0 ? undefined : writeText(deriveSeed(ask.seed, 'reasoning'), reasoningTokens);
  const room = ask.outputTokensMax - reasoningTokens;
  const thought = { reasoning, reasoningTokens };
  if (room <= 0) return { ...thought, ...nothing, finish: 'length', outputTokens: reasoningTokens };

  if (ask.directives.refuse) {
    const text = cutToTokens(refusalText, room);
    const outputTokens = reasoningTokens + countTokens(text);
    return { ...thought, ...nothing, text, refused: true, finish: 'refusal', outputTokens };
  }

  const called = chooseCalls(ask);
  if (called.length > 0) return { ...thought, ...composeCalls(ask, called, room, reasoningTokens) };
  return { ...thought, ...composeText(ask, room, reasoningTokens) };
}

const nothing = { text: '', refused: false, calls: [], stopSequence: undefined } as const;

type Spoken = Omit<Reply, 'reasoning' | 'reasoningTokens'>;

function composeText(ask: Ask, room: number, reasoningTokens: number): Spoken {
  const whole = goOn(ask, planText(ask));
  const stop = findStop(whole, ask.stops);
  const stopped = stop === undefined ? whole : whole.slice(0, stop.at);
  const text = cutToTokens(stopped, room);
  const outputTokens = reasoningTokens + countTokens(text);
  if (text.length < stopped.length) return { ...nothing, text, finish: 'length', outputTokens };
  if (stop !== undefined) {
    return { ...nothing, text, finish: 'stop-sequence', stopSequence: stop.sequence, outputTokens };
  }
  return { ...nothing, text, finish: 'stop', outputTokens };
}

/** What is left of a text that was begun, behind as much of it as the script wants to be said again. */
function goOn({ continued, script }: Ask, whole: string): string {
  if (continued === undefined || continued === '') return whole;
  const left = whole.startsWith(continued) ? whole.slice(continued.length) : whole;
  const again = script.againCharacters ?? 0;
  return again === 0 ? left : continued.slice(-again) + left;
}

function planText(ask: Ask): string {
  if (ask.textSchema !== undefined) return JSON.stringify(writeInstance(ask.textSchema, deriveSeed(ask.seed, 'text')));
  if (ask.script.textBytes !== undefined) return writeBytes(ask.seed, ask.script.textBytes);
  if (ask.directives.exactly !== undefined) return ask.directives.exactly;
  if (ask.directives.repeatSystem) return ask.systemText;
  const tokens = ask.script.tokens ?? ask.directives.tokens;
  if (tokens !== undefined) return writeText(ask.seed, tokens);
  if (ask.results.length > 0) return ask.results.map(sayResult).join(' ');
  return writeText(ask.seed, 12 + ask.seed.below(24));
}

function sayResult(result: ToolResult): string {
  return `The tool ${result.name} answered: ${result.text.slice(0, resultTextCharactersMax)}`;
}

function writeBytes(seed: Seed, bytes: number): string {
  return cutToBytes(writeText(seed, Math.ceil(bytes / 4) + 1), bytes);
}

function findStop(text: string, stops: readonly string[]): { at: number; sequence: string } | undefined {
  let first: { at: number; sequence: string } | undefined;
  for (const sequence of stops) {
    const at = sequence === '' ? -1 : text.indexOf(sequence);
    if (at !== -1 && (first === undefined || at < first.at)) first = { at, sequence };
  }
  return first;
}

interface ChosenCall {
  readonly tool: ToolDefinition;
  readonly input: string | undefined;
}

function chooseCalls(ask: Ask): readonly ChosenCall[] {
  if (ask.tools.length === 0 || ask.toolChoice.type === 'none') return [];
  const allowed = allowedTools(ask);
  const asked = ask.results.length > 0 && !ask.stepped ? [] : askedCalls(ask, allowed);
  const forced = ask.toolChoice.type !== 'auto';
  const chosen = asked.length > 0 || !forced ? asked : allowed.slice(0, 1).map(tool => ({ tool, input: undefined }));
  return ask.parallelCalls ? chosen : chosen.slice(0, 1);
}

function allowedTools(ask: Ask): readonly ToolDefinition[] {
  if (ask.toolChoice.type !== 'named') return ask.tools;
  const names = ask.toolChoice.names;
  return ask.tools.filter(tool => names.includes(tool.name));
}

function askedCalls(ask: Ask, allowed: readonly ToolDefinition[]): readonly ChosenCall[] {
  return ask.directives.calls.flatMap(({ name, input }) => {
    const tool = allowed.find(candidate => candidate.name === name);
    return tool === undefined ? [] : [{ tool, input }];
  });
}

function composeCalls(ask: Ask, chosen: readonly ChosenCall[], room: number, reasoningTokens: number): Spoken {
  const calls: ReplyCall[] = [];
  let outputTokens = 0;
  for (const [position, { tool, input: said }] of chosen.entries()) {
    const seed = deriveSeed(ask.seed, `call ${position}`);
    const input = said ?? writeInput(tool, seed);
    outputTokens += countTokens(tool.name);
    const fitting = cutToTokens(input, Math.max(0, room - outputTokens));
    const complete = fitting.length === input.length && outputTokens <= room;
    calls.push({ name: tool.name, digest: seed.digest, freeText: tool.schema === undefined, input: fitting, complete });
    outputTokens += countTokens(fitting);
    if (!complete) {
      return { ...nothing, calls, finish: 'length', outputTokens: reasoningTokens + Math.min(outputTokens, room) };
    }
  }
  return { ...nothing, calls, finish: 'tool', outputTokens: reasoningTokens + outputTokens };
}

function writeInput(tool: ToolDefinition, seed: Seed): string {
  return tool.schema === undefined ? writeText(seed, 6) : JSON.stringify(writeInstance(tool.schema, seed));
}
