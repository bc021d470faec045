import { isObject, type Json } from './wire.ts';

/** What each generation of Claude refuses of thinking, effort, sampling and forced calls, by its name. Written from
 *  https://platform.claude.com/docs/en/build-with-claude/thinking, …/effort and …/models/opus-5-5/migration-guide (2026-11).
 *  Names that are no Claude's are refused nothing here. */
interface ModelRules {
  readonly models: RegExp;
  readonly thinking: readonly string[];
  readonly efforts: readonly string[];
  readonly sampling: boolean;
  readonly forcedTools: boolean;
  /** Thinks whatever is said, or unless it is told not to. */
  readonly thinksUnasked: boolean;
}

const all = ['low', 'medium', 'high', 'xhigh', 'max'];
const modern = { efforts: all, sampling: false, forcedTools: true, thinksUnasked: false };

const rules: readonly ModelRules[] = [
  {
    models: /^claude-3-[05]|^claude-3-(?:opus|haiku|sonnet)/,
    thinking: [],
    efforts: [],
    sampling: true,
    forcedTools: true,
    thinksUnasked: false,
  },
  {
    models: /^claude-(?:3-7-sonnet|(?:sonnet|opus)-4-(?:20|[01](?!\d))|(?:sonnet|haiku)-4-5)/,
    thinking: ['enabled', 'disabled'],
    efforts: [],
    sampling: true,
    forcedTools: true,
    thinksUnasked: false,
  },
  {
    models: /^claude-opus-4-5/,
    thinking: ['enabled', 'disabled'],
    efforts: ['low', 'medium', 'high'],
    sampling: true,
    forcedTools: true,
    thinksUnasked: false,
  },
  {
    models: /^claude-(?:opus|sonnet)-4-6/,
    thinking: ['enabled', 'adaptive', 'disabled'],
    efforts: ['low', 'medium', 'high', 'max'],
    sampling: true,
    forcedTools: true,
    thinksUnasked: false,
  },
  { ...modern, models: /^claude-opus-4-[78]/, thinking: ['adaptive', 'disabled'] },
  { ...modern, models: /^claude-(?:opus|sonnet)-5$/, thinking: ['adaptive', 'disabled'], thinksUnasked: true },
  {
    ...modern,
    models: /^claude-(?:fable|mythos)-5|^claude-opus-5-5/,
    thinking: ['adaptive'],
    forcedTools: false,
    thinksUnasked: true,
  },
  {
    ...modern,
    models: /^claude-sonnet-5-5/,
    thinking: ['adaptive', 'between_tools'],
    forcedTools: false,
    thinksUnasked: true,
  },
  {
    ...modern,
    models: /^claude-haiku-5-5/,
    thinking: ['adaptive', 'disabled'],
    forcedTools: false,
    thinksUnasked: true,
  },
];

/** The provider's message about the first field that the model refuses; undefined when it takes them all. */
export function refusedByModel(request: Json): string | undefined {
  const rule = rules.find(({ models }) => models.test(String(request['model'])));
  if (rule === undefined) return undefined;
  const thinking = isObject(request['thinking']) ? String(request['thinking']['type']) : undefined;
  if (thinking !== undefined && !rule.thinking.includes(thinking)) {
    return `"thinking.type.${thinking}" is not supported for this model.`;
  }
  if (!prefills.test(String(request['model'])) && endsWithAssistant(request['messages'])) {
    return 'This model does not support assistant message prefill. The conversation must end with a user message.';
  }
  const effort = isObject(request['output_config']) ? request['output_config']['effort'] : undefined;
  if (effort !== undefined && !rule.efforts.includes(String(effort))) {
    return `output_config.effort: "${String(effort)}" is not supported by this model.`;
  }
  if (thinking === 'between_tools' && (effort === 'xhigh' || effort === 'max')) {
    return `output_config.effort: "${effort}" is not supported with thinking.type.between_tools.`;
  }
  for (const name of ['temperature', 'top_p', 'top_k']) {
    if (!rule.sampling && request[name] !== undefined) return `${name}: is not supported for this model.`;
  }
  return refusedChoice(request, rule, thinking);
}

/** Until Opus 4.6 and Sonnet 4.6 (https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6, 2026-11). */
const prefills = /^claude-(?:3|(?:opus|sonnet|haiku)-4(?:-[015](?!\d)|-20))/;

function endsWithAssistant(messages: unknown): boolean {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  return isObject(last) && last['role'] === 'assistant';
}

function refusedChoice(request: Json, rule: ModelRules, thinking: string | undefined): string | undefined {
  const choice = request['tool_choice'];
  if (!isObject(choice) || (choice['type'] !== 'any' && choice['type'] !== 'tool')) return undefined;
  if (!rule.forcedTools) return 'tool_choice: forced tool use is not supported for this model.';
  const isThinking = thinking === undefined ? rule.thinksUnasked : thinking !== 'disabled';
  return isThinking ? 'Thinking may not be enabled when tool_choice forces tool use.' : undefined;
}
