import { isObject, type Json } from './wire.ts';

/** How each generation of Gemini thinks, by its name. Written from https://ai.google.dev/gemini-api/docs/thinking,
 *  …/gemini-3 and …/thought-signatures (2026-11). Names that are no Gemini's think when they are asked to, and are refused
 *  nothing here. */
export interface ModelRules {
  readonly models: RegExp;
  /** Levels it takes; empty for those that know budgets only. */
  readonly levels: readonly string[];
  /** Least and most; undefined for those that do not think. */
  readonly budget: readonly [number, number] | undefined;
  /** Can it be told not to think? */
  readonly thinkingOff: boolean;
  readonly thinksUnasked: boolean;
  /** Calls of the current turn must come back with their signatures. */
  readonly signatures: boolean;
  /** JSON answers and hosted tools beside functions. */
  readonly mixesTools: boolean;
  /** Calls have ids. */
  readonly callIds: boolean;
}

const before = { levels: [], signatures: false, mixesTools: false, callIds: false };
const later = { thinkingOff: false, thinksUnasked: true, signatures: true, mixesTools: true, callIds: true } as const;

const rules: readonly ModelRules[] = [
  { ...before, models: /^gemini-(?:1|2\.0)/, budget: undefined, thinkingOff: true, thinksUnasked: false },
  { ...before, models: /^gemini-2\.5-pro/, budget: [128, 32_768], thinkingOff: false, thinksUnasked: true },
  { ...before, models: /^gemini-2\.5-flash-lite/, budget: [512, 24_576], thinkingOff: true, thinksUnasked: false },
  { ...before, models: /^gemini-2\.5/, budget: [1, 24_576], thinkingOff: true, thinksUnasked: true },
  { ...later, models: /^gemini-3-pro/, levels: ['LOW', 'HIGH'], budget: [128, 32_768] },
  { ...later, models: /^gemini-[\d.]+-pro/, levels: ['LOW', 'MEDIUM', 'HIGH'], budget: [128, 32_768] },
  { ...later, models: /^gemini-[3-9]/, levels: ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'], budget: [0, 32_768] },
];

const unknown: ModelRules = {
  ...before,
  models: /^/,
  levels: ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'],
  budget: [0, 1_000_000],
  thinkingOff: true,
  thinksUnasked: false,
  mixesTools: true,
};

export function rulesOf(model: string): ModelRules {
  return rules.find(({ models }) => models.test(model)) ?? unknown;
}

/** Any value of the model's own choosing. */
const dynamicBudget = -1;

/** The provider's message about how the request wants to think; undefined when the model takes it. */
export function refusedThinking(model: string, thinking: Json | undefined): string | undefined {
  if (thinking === undefined) return undefined;
  const rule = rulesOf(model);
  const budget = thinking['thinkingBudget'];
  const level = thinking['thinkingLevel'];
  if (rule.budget === undefined) return 'Unable to submit request because thinking is not supported by this model.';
  if (budget !== undefined && level !== undefined) {
    return 'You can only set only one of thinking budget and thinking level.';
  }
  if (level !== undefined && !rule.levels.includes(String(level))) {
    return rule.levels.length === 0
      ? 'Thinking level is not supported for this model.'
      : `Thinking level ${String(level)} is not supported for this model.`;
  }
  if (typeof budget !== 'number' || budget === dynamicBudget) return undefined;
  if (budget === 0 && rule.thinkingOff) return undefined;
  if (budget === 0 && rule.budget[0] > 0) return 'Budget 0 is invalid. This model only works in thinking mode.';
  const [least, most] = rule.budget;
  if (budget >= least && budget <= most) return undefined;
  return `The thinking budget ${budget} is invalid. Please choose a value between ${least} and ${most}.`;
}

const thinkingTokensDefault = 32;
const tokensByLevel: Readonly<Record<string, number>> = { MINIMAL: 8, LOW: 16, MEDIUM: 32, HIGH: 64 };

/** Tokens of thought; undefined when it does not think. */
export function thinkingTokens(model: string, config: unknown): number | undefined {
  const thinking = isObject(config) && isObject(config['thinkingConfig']) ? config['thinkingConfig'] : undefined;
  const rule = rulesOf(model);
  if (rule.budget === undefined) return undefined;
  const budget = thinking?.['thinkingBudget'];
  if (budget === 0 && rule.thinkingOff) return undefined;
  const level = thinking?.['thinkingLevel'];
  if (typeof level === 'string') return tokensByLevel[level] ?? thinkingTokensDefault;
  if (typeof budget === 'number') return budget < 0 ? thinkingTokensDefault : Math.min(budget, thinkingTokensDefault);
  if (rule.thinksUnasked) return thinkingTokensDefault;
  return thinking?.['includeThoughts'] === true ? thinkingTokensDefault : undefined;
}
