import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { ReasoningForm } from '../../completion/profile.ts';
import type { Block, CompletionRequest, ReasoningControl } from '../../completion/request.ts';
import { readOwnState } from '../opaque-state.ts';
import { budgetFor } from '../reasoning-effort.ts';
import { FieldRules, optionalCount, read, readRecord } from '../wire-values.ts';

/** Reasoning in requests: the control and what was thought in earlier turns (https://docs.cohere.com/docs/reasoning and
 *  cohere-ai 8.1.0, Thinking.d.ts, 2026-11). */

const thinkingFields = new FieldRules({ type: read, token_budget: read });

export function decodeReasoning(value: unknown, losses: LossLedger): ReasoningControl | undefined {
  if (value === undefined || value === null) return undefined;
  const wire = readRecord(value, 'thinking');
  thinkingFields.check(wire, 'thinking', losses);
  const path = 'thinking.token_budget';
  const budgetTokens = optionalCount(wire['token_budget'], path);
  if (budgetTokens === 0) throw new Fault('parameter_invalid', `${path} must be at least 1.`, { parameter: path });
  const said = { effort: undefined, budgetTokens, display: undefined };
  if (wire['type'] === 'enabled') return { mode: 'on', ...said };
  if (wire['type'] === 'disabled') return { mode: 'off', ...said, budgetTokens: undefined };
  throw new Fault('parameter_invalid', 'thinking.type is enabled or disabled.', { parameter: 'thinking.type' });
}

/** What stands in the envelope of thinking of this API: it has no signature, but only its own is taken back. */
export const thinkingState = JSON.stringify({ field: 'thinking' });

/** The thinking that goes back as it was; another model's is left out. */
export function encodeThinking(blocks: readonly Block[], losses: LossLedger): readonly unknown[] {
  const parts: unknown[] = [];
  for (const block of blocks) {
    if (block.type !== 'reasoning' || block.text === '') continue;
    const isOwn = block.state !== undefined && readOwnState(block.state)?.['field'] === 'thinking';
    if (isOwn) parts.push({ type: 'thinking', thinking: block.text });
    else losses.dropped('reasoning-history-unsupported', block.path);
  }
  return parts;
}

/** `thinking`; undefined when nothing is said. A budget of tokens is all that the model is told: an effort is said as one. */
export function fitThinking(request: CompletionRequest, form: ReasoningForm, losses: LossLedger): unknown {
  const { reasoning: control } = request;
  if (control === undefined) return undefined;
  if (form.style === 'none') {
    if (control.mode === 'unset') losses.dropped('reasoning-effort-unsupported', 'output_config.effort');
    else if (control.mode !== 'off') losses.dropped('reasoning-unsupported', 'thinking');
    return undefined;
  }
  if (control.mode === 'off') return { type: 'disabled' };
  if (control.betweenTools === true) losses.approximated('reasoning-between-tools-approximated', 'thinking.type');
  const { budgetTokens, effort } = control;
  const budget = budgetTokens ?? (effort === undefined ? undefined : budgetFor(effort));
  return { type: 'enabled', token_budget: budget };
}
