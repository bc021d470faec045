import { invalid } from './errors.ts';
import { type CohereRequest, isObject, listOf, partsOf } from './wire.ts';

/** What each of Cohere's models takes, by its name. Written from https://docs.cohere.com/docs/models, …/docs/reasoning and
 *  …/reference/chat (2026-11). Names that are no Cohere's are refused nothing here, and think when they are asked to. */
interface ModelRules {
  readonly models: RegExp;
  readonly images: boolean;
  readonly thinks: boolean;
  readonly toolChoice: boolean;
  readonly safetyOff: boolean;
}

const text = { images: false, thinks: false, toolChoice: true, safetyOff: false };

const rules: readonly ModelRules[] = [
  { ...text, models: /^command-a-vision/, images: true },
  { ...text, models: /^command-a-reasoning/, thinks: true },
  { ...text, models: /^command-a-plus/, images: true, thinks: true },
  { ...text, models: /^command-(?:a|r7b)/ },
  { ...text, models: /^command/, toolChoice: false, safetyOff: true },
];

function ruleOf(model: string): ModelRules | undefined {
  return rules.find(({ models }) => models.test(model));
}

/** Throws Refusal for the first thing that the model does not take. */
export function checkModelTakes(request: CohereRequest): void {
  const rule = ruleOf(request.model);
  if (rule === undefined) return;
  const without = (what: string) => invalid(`${what} is not supported by model ${request.model}.`);
  const images = request.messages.some(message => partsOf(message.content).some(part => part['type'] === 'image_url'));
  if (images && !rule.images) throw without('image input');
  const { thinking } = request;
  if (isObject(thinking) && thinking['type'] === 'enabled' && !rule.thinks) throw without('thinking');
  if (typeof request['tool_choice'] === 'string' && !rule.toolChoice) throw without('tool_choice');
  if (request['safety_mode'] === 'OFF' && !rule.safetyOff) throw without('safety_mode OFF');
}

const thinkingTokensDefault = 32;

/** Tokens of thought; undefined when it does not think. Models that reason do so unless they are told not to. */
export function thinkingTokens(request: CohereRequest): number | undefined {
  const { thinking } = request;
  if (!isObject(thinking)) return ruleOf(request.model)?.thinks === true ? thinkingTokensDefault : undefined;
  if (thinking['type'] !== 'enabled') return undefined;
  const budget = thinking['token_budget'];
  return typeof budget === 'number' ? Math.min(budget, thinkingTokensDefault) : thinkingTokensDefault;
}

/** Are answers to be cited? Where there are documents to cite, unless that is off. */
export function cites(request: CohereRequest): boolean {
  const options = request['citation_options'];
  const mode = isObject(options) ? options['mode'] : undefined;
  return mode !== 'OFF' && mode !== 'DISABLED' && listOf(request['documents']).length > 0;
}
