import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { ReasoningForm } from '../../completion/profile.ts';
import {
  type CompletionRequest,
  type ReasoningBlock,
  type ReasoningControl,
  type ReasoningEffort,
  reasoningEfforts,
  type Sampling,
  type ToolChoice,
} from '../../completion/request.ts';

import {
  budgetFor,
  budgetTokensMin,
  budgetWithin,
  effortFor,
  nearestEffort,
  thinks,
  turnsWithoutState,
} from '../reasoning-effort.ts';
import {
  FieldRules,
  optionalCount,
  optionalString,
  read,
  readFilledString,
  readRecord,
  readString,
  refused,
  type WireRecord,
} from '../wire-values.ts';

/** Thinking in requests: the control and the blocks of earlier turns, both ways
 *  (https://platform.claude.com/docs/en/build-with-claude/thinking and …/effort; @anthropic-ai/sdk 1.11, 2026-11). */

const thinkingFields = new FieldRules({ type: read, budget_tokens: read, display: read });

/** Where a dialect has the two fields, which hosts of the same models put elsewhere. */
export interface ReasoningPaths {
  readonly thinking: string;
  readonly effort: string;
}

const ownPaths: ReasoningPaths = { thinking: 'thinking', effort: 'output_config.effort' };

export function decodeReasoning(
  thinking: unknown,
  asked: unknown,
  losses: LossLedger,
  paths: ReasoningPaths = ownPaths,
): ReasoningControl | undefined {
  const effort = decodeEffort(asked, paths.effort);
  if (thinking === undefined || thinking === null) {
    if (effort === undefined) return undefined;
    return { mode: 'unset', effort, budgetTokens: undefined, display: undefined };
  }
  const path = paths.thinking;
  const wire = readRecord(thinking, path);
  thinkingFields.check(wire, path, losses);
  const display = decodeDisplay(wire['display'], `${path}.display`, losses);
  switch (wire['type']) {
    case 'disabled':
      return { mode: 'off', effort, budgetTokens: undefined, display };
    case 'adaptive':
      return { mode: 'adaptive', effort, budgetTokens: undefined, display };
    case 'between_tools':
      return { mode: 'on', effort, budgetTokens: undefined, display, betweenTools: true };
    case 'enabled':
      return {
        mode: 'on',
        effort,
        budgetTokens: decodeBudget(wire['budget_tokens'], `${path}.budget_tokens`),
        display,
      };
  }
  throw invalid(`${path}.type`, 'is not a kind of thinking of this API.');
}

function decodeEffort(value: unknown, path: string): ReasoningEffort | undefined {
  const effort = optionalString(value, path);
  if (effort === undefined) return undefined;
  const known = reasoningEfforts.find(name => name === effort);
  if (known === undefined || known === 'minimal') throw invalid(path, 'is not an effort of this API.');
  return known;
}

function decodeBudget(value: unknown, path: string): number {
  const budget = optionalCount(value, path);
  if (budget === undefined) throw new Fault('parameter_missing', `${path} is missing.`, { parameter: path });
  if (budget < budgetTokensMin) throw invalid(path, `must be at least ${budgetTokensMin}.`);
  return budget;
}

function decodeDisplay(value: unknown, path: string, losses: LossLedger): ReasoningControl['display'] {
  const display = optionalString(value, path);
  // Of a beta: notes of progress are shown, reasoning is not. Only some models of Anthropic write such notes.
  if (display === 'updates') {
    losses.dropped('thinking-updates-unsupported', path);
    return 'omitted';
  }
  if (display === undefined || display === 'summarized' || display === 'omitted') return display;
  throw invalid(path, 'is summarized, omitted or updates.');
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}`, { parameter: path });
}

const thinkingBlockFields = new FieldRules({ type: read, thinking: read, signature: read, cache_control: refused() });
const redactedBlockFields = new FieldRules({ type: read, data: read, cache_control: refused() });

export function decodeThinkingBlock(block: WireRecord, path: string, losses: LossLedger): ReasoningBlock {
  thinkingBlockFields.check(block, path, losses);
  const signature = optionalString(block['signature'], `${path}.signature`);
  return {
    type: 'reasoning',
    text: readString(block['thinking'], `${path}.thinking`),
    redacted: false,
    state: signature === '' ? undefined : signature,
    path,
  };
}

export function decodeRedactedBlock(block: WireRecord, path: string, losses: LossLedger): ReasoningBlock {
  redactedBlockFields.check(block, path, losses);
  return { type: 'reasoning', text: '', redacted: true, state: readFilledString(block['data'], `${path}.data`), path };
}

/** Thinking without its signature is refused by the API. */
export function encodeReasoningBlock(block: ReasoningBlock, losses: LossLedger): unknown[] {
  if (block.state === undefined) {
    if (block.text !== '') losses.dropped('reasoning-history-unsupported', block.path);
    return [];
  }
  if (block.redacted) return [{ type: 'redacted_thinking', data: block.state }];
  return [{ type: 'thinking', thinking: block.text, signature: block.state }];
}

/** What a request says of thinking once it is fitted to its model, with what must give way to it. */
export interface FittedReasoning {
  /** As on the wire; undefined when nothing is said. */
  readonly thinking: unknown;
  /** `output_config.effort` */
  readonly effort: ReasoningEffort | undefined;
  readonly sampling: Sampling;
  readonly toolChoice: ToolChoice | undefined;
}

/** `outputTokensMax` is the limit that is sent: budgets stay below it. */
export function fitReasoning(
  request: CompletionRequest,
  form: ReasoningForm,
  outputTokensMax: number,
  losses: LossLedger,
): FittedReasoning {
  const { control, toolChoice } = settleConflicts(request, form, losses);
  const said = sayThinking(control, form, outputTokensMax, losses);
  const isThinking = thinks(control, form) && said.isOn;
  return {
    thinking: said.thinking,
    effort: said.effort,
    sampling: fitSampling(request.sampling, form, isThinking, losses),
    toolChoice,
  };
}

interface Settled {
  readonly control: ReasoningControl | undefined;
  readonly toolChoice: ToolChoice | undefined;
}

/** A forced call and lost state each exclude thinking. The call is what the client's program relies on, so thinking gives
 *  way where it can be turned off. */
function settleConflicts(request: CompletionRequest, form: ReasoningForm, losses: LossLedger): Settled {
  const { reasoning: control, toolChoice } = request;
  const isForced = request.tools.length > 0 && (toolChoice?.type === 'any' || toolChoice?.type === 'tool');
  if (isForced && form.forcedTools === 'never') {
    losses.approximated('tool-choice-unsupported', 'tool_choice');
    return { control, toolChoice: { type: 'auto' } };
  }
  if (!thinks(control, form)) return { control, toolChoice };
  if (isForced && form.forcedTools === 'not-thinking') {
    if (form.off === 'never' || form.off === 'between-tools') {
      losses.approximated('tool-choice-unsupported', 'tool_choice');
      return { control, toolChoice: { type: 'auto' } };
    }
    if (isWanted(control)) losses.dropped('reasoning-with-forced-tool-unsupported', 'reasoning_effort');
    return { control: turnedOff, toolChoice };
  }
  const missing = turnsWithoutState(request.turns, form)[0];
  if (missing === undefined) return { control, toolChoice };
  losses.dropped('reasoning-state-missing', missing.path);
  return { control: turnedOff, toolChoice };
}

const turnedOff: ReasoningControl = { mode: 'off', effort: undefined, budgetTokens: undefined, display: undefined };

function isWanted(control: ReasoningControl | undefined): boolean {
  return control !== undefined && control.mode !== 'off' && control.mode !== 'unset';
}

interface SaidThinking {
  readonly thinking: unknown;
  readonly effort: ReasoningEffort | undefined;
  readonly isOn: boolean;
}

function sayThinking(
  control: ReasoningControl | undefined,
  form: ReasoningForm,
  outputTokensMax: number,
  losses: LossLedger,
): SaidThinking {
  const silent = { thinking: undefined, effort: undefined, isOn: form.thinksUnasked };
  if (control === undefined) return silent;
  if (form.style === 'none') {
    if (isWanted(control) || control.effort !== undefined) losses.dropped('reasoning-unsupported', 'reasoning_effort');
    return silent;
  }
  if (control.mode === 'off') return sayOff(form, losses);
  const effort = control.effort ?? (control.budgetTokens === undefined ? undefined : effortFor(control.budgetTokens));
  const taken = effort === undefined ? undefined : nearestEffort(effort, form.efforts);
  if (taken !== undefined && taken !== effort) {
    losses.approximated('reasoning-effort-approximated', 'reasoning_effort');
  }
  if (control.mode === 'unset') return { ...silent, effort: taken };
  if (form.style !== 'budget') {
    // Newer models keep what they think to themselves unless asked, and clients of other dialects have no word for that.
    const display = control.display ?? 'summarized';
    return { thinking: { type: 'adaptive', display }, effort: taken, isOn: true };
  }
  const budget = budgetWithin(control.budgetTokens ?? budgetFor(effort ?? 'medium'), outputTokensMax);
  if (budget === undefined) {
    losses.dropped('reasoning-budget-unfit', 'reasoning_effort');
    return { ...sayOff(form, losses), effort: taken };
  }
  return { thinking: { type: 'enabled', budget_tokens: budget }, effort: taken, isOn: true };
}

function sayOff(form: ReasoningForm, losses: LossLedger): SaidThinking {
  const off = { thinking: undefined, effort: undefined, isOn: false };
  if (form.off === 'silence' || !form.thinksUnasked) return off;
  if (form.off === 'thinking-disabled') return { ...off, thinking: { type: 'disabled' } };
  losses.approximated('reasoning-off-approximated', 'reasoning_effort');
  if (form.off === 'between-tools') return { ...off, thinking: { type: 'between_tools' }, isOn: true };
  return { ...off, effort: form.efforts[0], isOn: true };
}

/** While it thinks, a model takes temperature 1, no top_k and a top_p of at least 0.95
 *  (https://platform.claude.com/docs/en/build-with-claude/extended-thinking, 2026-11); the newest take none of them at all. */
function fitSampling(sampling: Sampling, form: ReasoningForm, isThinking: boolean, losses: LossLedger): Sampling {
  if (form.sampling === 'always' || (form.sampling === 'not-thinking' && !isThinking)) return sampling;
  const { temperature, topP, topK, ...others } = sampling;
  const isNever = form.sampling === 'never';
  if (temperature !== undefined && temperature !== 1) losses.dropped('temperature-unsupported', 'temperature');
  if (topK !== undefined) losses.dropped('top-k-unsupported', 'top_k');
  const keepsTopP = topP !== undefined && !isNever && topP >= topPWithThinkingMin;
  if (topP !== undefined && topP !== 1 && !keepsTopP) losses.dropped('top-p-unsupported', 'top_p');
  return keepsTopP ? { ...others, topP } : others;
}

const topPWithThinkingMin = 0.95;
