import { refuse } from '../openai/parameters.ts';
import { isObject, type Json } from '../openai/wire.ts';

/** What each generation of OpenAI's models refuses of reasoning, sampling and verbosity, by its name. Written from
 *  https://platform.openai.com/docs/guides/reasoning, …/guides/latest-model and …/docs/models (2026-11).
 *  Names that are no OpenAI's are refused nothing here, and do not think unless they are asked to. */
interface ModelRules {
  readonly models: RegExp;
  /** Empty for models that do not reason. */
  readonly efforts: readonly string[];
  /** What it thinks at when nothing is said. */
  readonly effortDefault: string | undefined;
  /** Temperature, top_p and log probabilities: never, always, or only without reasoning. */
  readonly sampling: 'never' | 'always' | 'without reasoning';
  readonly verbosity: boolean;
}

const rules: readonly ModelRules[] = [
  {
    models: /^(?:gpt-3|gpt-4|chatgpt-4o)/,
    efforts: [],
    effortDefault: undefined,
    sampling: 'always',
    verbosity: false,
  },
  {
    models: /^o[1-9]/,
    efforts: ['low', 'medium', 'high'],
    effortDefault: 'medium',
    sampling: 'never',
    verbosity: false,
  },
  {
    models: /^gpt-5(?:$|-(?:mini|nano|20|codex))/,
    efforts: ['minimal', 'low', 'medium', 'high'],
    effortDefault: 'medium',
    sampling: 'never',
    verbosity: true,
  },
  {
    models: /^gpt-5\.1/,
    efforts: ['none', 'low', 'medium', 'high'],
    effortDefault: 'none',
    sampling: 'without reasoning',
    verbosity: true,
  },
  {
    models: /^gpt-5\.\d/,
    efforts: ['none', 'low', 'medium', 'high', 'xhigh', 'max'],
    effortDefault: 'none',
    sampling: 'without reasoning',
    verbosity: true,
  },
];

/** At what effort the request is thought about; undefined when nobody says. */
export function effortOf(request: Json): string | undefined {
  const rule = rules.find(({ models }) => models.test(String(request['model'])));
  return askedEffort(request) ?? rule?.effortDefault;
}

function askedEffort(request: Json): string | undefined {
  const effort = isObject(request['reasoning']) ? request['reasoning']['effort'] : undefined;
  return typeof effort === 'string' ? effort : undefined;
}

/** Throws Refusal for the first field that the model does not take. */
export function checkModelTakes(request: Json): void {
  const rule = rules.find(({ models }) => models.test(String(request['model'])));
  if (rule === undefined) return;
  const effort = askedEffort(request);
  if (rule.efforts.length === 0) {
    if (effort !== undefined) throw unsupported('reasoning.effort');
    const sealed = Array.isArray(request['include']) && request['include'].includes('reasoning.encrypted_content');
    if (sealed) throw refuse(undefined, 'include', 'Encrypted content is not supported with this model.');
  } else if (effort !== undefined && !rule.efforts.includes(effort)) {
    throw unsupportedValue('reasoning.effort', effort, String(request['model']), rule.efforts);
  }
  const reasons = (effort ?? rule.effortDefault ?? 'none') !== 'none';
  const samples = rule.sampling === 'always' || (rule.sampling === 'without reasoning' && !reasons);
  for (const name of ['temperature', 'top_p', 'top_logprobs']) {
    const value = request[name];
    if (!samples && value !== undefined && value !== null) throw unsupported(name);
  }
  const verbosity = isObject(request['text']) ? request['text']['verbosity'] : undefined;
  if (!rule.verbosity && typeof verbosity === 'string' && verbosity !== 'medium') {
    throw unsupportedValue('text.verbosity', verbosity, String(request['model']), ['medium']);
  }
}

function unsupported(parameter: string) {
  const message = `Unsupported parameter: '${parameter}' is not supported with this model.`;
  return refuse('unsupported_parameter', parameter, message);
}

function unsupportedValue(parameter: string, value: string, model: string, known: readonly string[]) {
  const listed = known.map(name => `'${name}'`).join(', ');
  const message = `Unsupported value: '${value}' is not supported with the '${model}' model. Supported values are: ${listed}.`;
  return refuse('unsupported_value', parameter, message);
}
