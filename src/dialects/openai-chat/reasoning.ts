import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { ReasoningForm } from '../../completion/profile.ts';
import {
  type Block,
  type CompletionRequest,
  type ReasoningBlock,
  type ReasoningControl,
  type ReasoningEffort,
  reasoningEfforts,
  type Sampling,
} from '../../completion/request.ts';

import { isEnvelope, readOwnState } from '../opaque-state.ts';
import { effortFor, nearestEffort, thinks, turnsWithoutState } from '../reasoning-effort.ts';
import { isRecord, optionalString, readList, readRecord, type WireRecord } from '../wire-values.ts';

/** Reasoning in requests: the control and the blocks of earlier turns, both ways. `reasoning_effort` is of the API
 *  (openai-node 7.55, 2026-11). What a model thought is not; hosts give and take it as `reasoning_content` (DeepSeek, xAI,
 *  llama.cpp), `reasoning` (Ollama, vLLM, OpenRouter), `reasoning_details` (OpenRouter) and parts of type `thinking`
 *  (Mistral), and clients send back what they were given. */

export function decodeReasoning(value: unknown): ReasoningControl | undefined {
  const effort = optionalString(value, 'reasoning_effort');
  if (effort === undefined) return undefined;
  if (effort === 'none') return { mode: 'off', effort: undefined, budgetTokens: undefined, display: undefined };
  const known = reasoningEfforts.find(name => name === effort);
  if (known === undefined) {
    throw new Fault('parameter_invalid', 'reasoning_effort is not an effort of this API.', {
      parameter: 'reasoning_effort',
    });
  }
  return { mode: 'on', effort: known, budgetTokens: undefined, display: undefined };
}

/** What an assistant's message says it thought. An envelope of ours holds the text too, so the text beside it says
 *  nothing new. */
export function decodeReasoningBlocks(message: WireRecord, path: string): ReasoningBlock[] {
  const details = decodeDetails(message['reasoning_details'], `${path}.reasoning_details`);
  if (details.some(({ state }) => state !== undefined && isEnvelope(state))) {
    return details.filter(({ state }) => state !== undefined);
  }
  if (details.length > 0) return details;
  for (const name of ['reasoning_content', 'reasoning'] as const) {
    const text = optionalString(message[name], `${path}.${name}`) ?? '';
    if (text !== '') return [{ type: 'reasoning', text, redacted: false, state: undefined, path: `${path}.${name}` }];
  }
  return [];
}

/** https://openrouter.ai/docs/guides/best-practices/reasoning-tokens#reasoning_details-array-structure (2026-11). */
function decodeDetails(value: unknown, path: string): ReasoningBlock[] {
  if (value === undefined || value === null) return [];
  return readList(value, path).map((entry, index) => {
    const at = `${path}.${index}`;
    const detail = readRecord(entry, at);
    const data = optionalString(detail['data'], `${at}.data`);
    const text = optionalString(detail['text'], `${at}.text`) ?? optionalString(detail['summary'], `${at}.summary`);
    const state = data ?? optionalString(detail['signature'], `${at}.signature`);
    return {
      type: 'reasoning',
      text: text ?? '',
      redacted: data !== undefined,
      state: state === '' ? undefined : state,
      path: at,
    };
  });
}

/** How the same client finds its state again: in the one list that clients of this dialect send back as it is. */
export function reasoningDetail(state: string, index: number): unknown {
  return { type: 'reasoning.encrypted', data: state, index };
}

/** The assistant's message in the host's own words; what is no state of such a host stays out, declared. */
export interface SaidReasoning {
  readonly reasoning_content?: string;
  readonly reasoning?: string;
  readonly reasoning_details?: readonly unknown[];
  /** Parts that stand before the text, where the host keeps its reasoning there. */
  readonly parts: readonly unknown[];
}

export function encodeReasoningBlocks(blocks: readonly Block[], losses: LossLedger): SaidReasoning {
  const texts: Partial<Record<'reasoning_content' | 'reasoning', string>> = {};
  const details: unknown[] = [];
  const parts: unknown[] = [];
  for (const block of blocks) {
    if (block.type !== 'reasoning') continue;
    const own = block.state === undefined ? undefined : readOwnState(block.state);
    const field = own?.['field'];
    if (field === 'part') {
      parts.push({ type: 'thinking', thinking: [{ type: 'text', text: block.text }] });
    } else if (field === 'reasoning_content' || field === 'reasoning') {
      texts[field] = (texts[field] ?? '') + block.text;
    } else if (block.text !== '') losses.dropped('reasoning-history-unsupported', block.path);
    if (Array.isArray(own?.['details'])) details.push(...own['details']);
  }
  return { ...texts, ...(details.length === 0 ? undefined : { reasoning_details: details }), parts };
}

/** What a request says of reasoning once it is fitted to its model, with what must give way to it. */
export interface FittedReasoning {
  readonly effort: ReasoningEffort | 'none' | undefined;
  /** DeepSeek's switch (https://api-docs.deepseek.com/guides/thinking_mode, 2026-11). */
  readonly thinking: unknown;
  readonly sampling: Sampling;
}

export function fitReasoning(request: CompletionRequest, form: ReasoningForm, losses: LossLedger): FittedReasoning {
  const asked = request.reasoning;
  const missing = thinks(asked, form) ? turnsWithoutState(request.turns, form)[0] : undefined;
  if (missing !== undefined) losses.dropped('reasoning-state-missing', missing.path);
  const control = missing === undefined ? asked : turnedOff;
  const said = sayEffort(control, form, losses);
  const isThinking = thinks(control, form) && said.effort !== 'none';
  return { ...said, sampling: fitSampling(request.sampling, form, isThinking, losses) };
}

const turnedOff: ReasoningControl = { mode: 'off', effort: undefined, budgetTokens: undefined, display: undefined };

type SaidEffort = Pick<FittedReasoning, 'effort' | 'thinking'>;

const silent: SaidEffort = { effort: undefined, thinking: undefined };

function sayEffort(control: ReasoningControl | undefined, form: ReasoningForm, losses: LossLedger): SaidEffort {
  if (control === undefined) return silent;
  if (form.style === 'none') {
    if (control.mode === 'unset') {
      // How thoughts are shown is nothing where there are none.
      if (control.effort !== undefined) losses.dropped('reasoning-effort-unsupported', 'output_config.effort');
    } else if (control.mode !== 'off') losses.dropped('reasoning-unsupported', 'thinking');
    return silent;
  }
  if (control.mode === 'off') return sayOff(form, losses);
  if (control.betweenTools === true) {
    losses.approximated('reasoning-between-tools-approximated', 'thinking.type');
    return { effort: form.efforts[0], thinking: undefined };
  }
  if (control.budgetTokens !== undefined) {
    losses.approximated('reasoning-budget-approximated', 'thinking.budget_tokens');
  }
  const asked = control.effort ?? effortOfMode(control, form);
  if (asked === undefined) return silent;
  const effort = nearestEffort(asked, form.efforts);
  if (effort !== asked && control.effort !== undefined) {
    losses.approximated('reasoning-effort-approximated', 'output_config.effort');
  }
  return { effort, thinking: undefined };
}

/** A model that thinks anyway decides by itself how much; one that would not is told to, as much as is usual. */
function effortOfMode(control: ReasoningControl, form: ReasoningForm): ReasoningEffort | undefined {
  if (control.budgetTokens !== undefined) return effortFor(control.budgetTokens);
  return form.thinksUnasked ? undefined : 'medium';
}

function sayOff(form: ReasoningForm, losses: LossLedger): SaidEffort {
  switch (form.off) {
    case 'effort-none':
      return { effort: 'none', thinking: undefined };
    case 'thinking-disabled':
      return { effort: undefined, thinking: { type: 'disabled' } };
    case 'silence':
      return silent;
    default:
      losses.approximated('reasoning-off-approximated', 'thinking.type');
      return { effort: form.efforts[0], thinking: undefined };
  }
}

/** Models that reason refuse sampling parameters other than the defaults
 *  (https://developers.openai.com/api/docs/guides/latest-model, parameter compatibility, 2026-11). */
function fitSampling(sampling: Sampling, form: ReasoningForm, isThinking: boolean, losses: LossLedger): Sampling {
  if (form.sampling === 'always' || (form.sampling === 'not-thinking' && !isThinking)) return sampling;
  const { temperature, topP, ...others } = sampling;
  if (temperature !== undefined && temperature !== 1) losses.dropped('temperature-unsupported', 'temperature');
  if (topP !== undefined && topP !== 1) losses.dropped('top-p-unsupported', 'top_p');
  return others;
}

/** What a host says of its reasoning beside the text, gathered while an answer comes in. */
export class ReasoningTrail {
  #field: 'reasoning_content' | 'reasoning' | 'part' | undefined = undefined;
  #details: Record<string, unknown>[] = [];
  #detailsBytes = 0;

  /** Where the text stood. */
  from(field: 'reasoning_content' | 'reasoning' | 'part'): void {
    this.#field = field;
  }

  get hasDetails(): boolean {
    return this.#details.length > 0;
  }

  /** Pieces of one entry have one index and are put together. Gives the text they show, and false for more than are kept. */
  add(details: readonly unknown[]): { readonly text: string; readonly isKept: boolean } {
    let text = '';
    for (const entry of details) {
      if (!isRecord(entry)) continue;
      for (const name of textNames) if (typeof entry[name] === 'string' && name !== 'data') text += entry[name];
      this.#detailsBytes += JSON.stringify(entry).length;
      if (this.#detailsBytes > detailsBytesMax) return { text, isKept: false };
      const last = this.#details.at(-1);
      const isSame = last !== undefined && entry['index'] !== undefined && last['index'] === entry['index'];
      if (isSame && last['type'] === entry['type']) join(last, entry);
      else this.#details.push({ ...entry });
    }
    return { text, isKept: true };
  }

  /** In our own words, for the envelope; forgets it. */
  take(): string {
    const details = this.#details;
    this.#details = [];
    const kept = details.length > 0 && this.#detailsBytes <= detailsBytesMax ? { details } : undefined;
    return JSON.stringify({ field: this.#field, ...kept });
  }
}

/** Of all entries of an answer; hosts send far less. */
const detailsBytesMax = 256 * 1024;
const textNames = ['text', 'summary', 'data'] as const;

function join(into: Record<string, unknown>, piece: WireRecord): void {
  for (const name in piece) {
    const value = piece[name];
    const isText = textNames.some(text => text === name) && typeof value === 'string';
    if (isText && typeof into[name] === 'string') into[name] += value;
    else if (value !== null && value !== undefined) into[name] = value;
  }
}
