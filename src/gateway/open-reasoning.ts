import { LossLedger } from '../completion/loss.ts';
import type { ReasoningForm } from '../completion/profile.ts';
import type { Block, CompletionRequest, ReasoningBlock, Turn } from '../completion/request.ts';
import { isEnvelope, isSameMaker, type StateMaker } from '../dialects/opaque-state.ts';
import { isToolTurn, thinks } from '../dialects/reasoning-effort.ts';
import type { ReadRequest } from '../dialects/translate.ts';
import type { ReasoningStates } from './ports.ts';

export interface OpenQuestion {
  /** Whom the request goes to. */
  readonly maker: StateMaker;
  readonly form: ReasoningForm;
  readonly organisation: string;
}

/** Envelopes by tool call, as far as a client did not send them back and they are still known. */
export type Recalled = ReadonlyMap<string, readonly string[]>;

/** Gives earlier reasoning back in its maker's own words: envelopes are opened, what others made is left out, and what the
 *  client did not send back is put in its place where the model makes use of it. Nearly every request has none of this, and
 *  comes back as it is. */
export function openReasoning(
  read: ReadRequest,
  question: OpenQuestion,
  recalled: Recalled,
  states: ReasoningStates,
): ReadRequest {
  const { turns } = read.request;
  const isRecalling = recalled.size > 0 && usesState(read.request, question.form);
  if (!isRecalling && !turns.some(hasReasoning)) return read;
  const losses = new LossLedger();
  const opened = turns.map(turn => {
    const own = openTurn(turn, question, states, losses);
    const envelopes = isRecalling && isLacking(own) ? recalled.get(firstCallId(own)) : undefined;
    return envelopes === undefined ? own : withRecalled(own, envelopes, question, states);
  });
  return withTurns(read, opened, losses);
}

function withTurns(read: ReadRequest, turns: readonly Turn[], losses: LossLedger): ReadRequest {
  return { ...read, request: { ...read.request, turns }, losses: [...read.losses, ...losses.losses] };
}

function hasReasoning(turn: Turn): boolean {
  return turn.role === 'assistant' && turn.blocks.some(isReasoning);
}

function isReasoning(block: Block): block is ReasoningBlock {
  return block.type === 'reasoning';
}

function openTurn(turn: Turn, question: OpenQuestion, states: ReasoningStates, losses: LossLedger): Turn {
  if (!hasReasoning(turn)) return turn;
  const blocks = turn.blocks.flatMap(block => {
    if (!isReasoning(block) || block.state === undefined) return [block];
    // Only makers of another dialect are asked here, so a state that is not ours is none of theirs.
    const opened = openBlock(block, block.state, question, states);
    if (typeof opened !== 'string') return [opened];
    losses.dropped(opened, block.path);
    return [];
  });
  return { ...turn, blocks };
}

type Refused = 'reasoning-state-foreign' | 'reasoning-state-invalid';

function openBlock(
  block: ReasoningBlock,
  envelope: string,
  { maker, organisation }: OpenQuestion,
  states: ReasoningStates,
): ReasoningBlock | Refused {
  if (!isEnvelope(envelope)) return 'reasoning-state-foreign';
  const opaque = states.seal.open(envelope, organisation);
  if (opaque === undefined) return 'reasoning-state-invalid';
  if (!isSameMaker(opaque.maker, maker)) return 'reasoning-state-foreign';
  return { ...block, text: opaque.text ?? block.text, redacted: opaque.redacted, state: opaque.state };
}

/** The tool calls to ask about before a request is admitted: those of turns that come without their reasoning. All that
 *  a model insists on, else those since the user last said something, whose thread of thought it takes up again. */
export function callsToRecall({ request }: ReadRequest, forms: readonly ReasoningForm[]): readonly string[] {
  const using = forms.filter(form => usesState(request, form));
  if (using.length === 0) return [];
  const isAll = using.some(form => form.needsState === 'every-tool-turn');
  const from = isAll ? 0 : request.turns.findLastIndex(isSaidByUser) + 1;
  return request.turns.slice(from).filter(isLacking).slice(-recalledTurnsMax).map(firstCallId);
}

/** In one question; a longer thread keeps its latest turns. */
const recalledTurnsMax = 64;

function usesState({ reasoning }: CompletionRequest, form: ReasoningForm): boolean {
  if (form.needsState === 'never' && form.style !== 'budget' && form.style !== 'adaptive') return false;
  return thinks(reasoning, form);
}

function isSaidByUser(turn: Turn): boolean {
  return turn.role === 'user' && turn.blocks.some(block => block.type !== 'result');
}

/** A state of another maker does not count: what is known of the call is of the same turn. */
function isLacking(turn: Turn): boolean {
  return isToolTurn(turn) && !turn.blocks.some(block => isReasoning(block) && block.state !== undefined);
}

function firstCallId(turn: Turn): string {
  const call = turn.blocks.find(block => block.type === 'call');
  return call?.type === 'call' ? call.id : '';
}

/** The reasoning takes the place of what the client kept of it. */
function withRecalled(turn: Turn, envelopes: readonly string[], question: OpenQuestion, states: ReasoningStates): Turn {
  const head: ReasoningBlock = { type: 'reasoning', text: '', redacted: false, state: undefined, path: turn.path };
  const blocks = envelopes.flatMap(envelope => {
    const opened = openBlock(head, envelope, question, states);
    return typeof opened === 'string' ? [] : [opened];
  });
  return blocks.length === 0
    ? turn
    : { ...turn, blocks: [...blocks, ...turn.blocks.filter(block => !isReasoning(block))] };
}
