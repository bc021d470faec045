import type { ProfileRule, ReasoningForm } from '../completion/profile.ts';

/** How models are told how much to think, by their makers' names for them. What is not listed is as its dialect says
 *  (`<dialect>/profile.ts`); a Claude that is not known yet is taken for one of the newest. */

const budgeted: ReasoningForm = {
  style: 'budget',
  efforts: [],
  off: 'thinking-disabled',
  thinksUnasked: false,
  sampling: 'not-thinking',
  forcedTools: 'not-thinking',
  needsState: 'last-tool-turn',
};

/** Thinks when it sees fit, and does so unless it is told not to. */
const newest: ReasoningForm = {
  style: 'adaptive',
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  off: 'never',
  thinksUnasked: true,
  sampling: 'never',
  forcedTools: 'never',
  needsState: 'never',
};

/** Sources, 2026-11: https://platform.claude.com/docs/en/build-with-claude/effort (which model takes which effort),
 *  …/build-with-claude/thinking (which takes which kind of thinking), …/models/opus-5-5/migration-guide (thinking that
 *  cannot be turned off, forced calls), https://github.com/vercel/ai/releases/tag/@ai-sdk%2Fgateway@4.0.98 (Sonnet 5.5). */
export const claudeRules: readonly ProfileRule[] = [
  { models: /claude-/, change: { reasoning: newest } },
  { models: /claude-(?:2|3(?![-.]7)|instant)/, change: { reasoning: { ...budgeted, style: 'none', off: 'silence' } } },
  {
    models: /claude-(?:3[-.]7|sonnet-4(?![-.]6)|haiku-4|opus-4(?:[-.][01](?!\d)|[-@]20|$))/,
    change: { reasoning: budgeted },
  },
  { models: /claude-opus-4[-.]5/, change: { reasoning: { ...budgeted, efforts: ['low', 'medium', 'high'] } } },
  {
    models: /claude-(?:opus|sonnet)-4[-.]6/,
    change: {
      reasoning: {
        ...newest,
        efforts: ['low', 'medium', 'high', 'max'],
        off: 'thinking-disabled',
        thinksUnasked: false,
        sampling: 'not-thinking',
        forcedTools: 'not-thinking',
      },
    },
  },
  { models: /claude-mythos-preview/, change: { reasoning: { ...newest, efforts: ['low', 'medium', 'high', 'max'] } } },
  {
    models: /claude-opus-4[-.][78]/,
    change: { reasoning: { ...newest, off: 'thinking-disabled', thinksUnasked: false, forcedTools: 'not-thinking' } },
  },
  {
    models: /claude-(?:sonnet|opus)-5(?![-.]\d(?!\d))/,
    change: { reasoning: { ...newest, off: 'thinking-disabled', forcedTools: 'not-thinking' } },
  },
  { models: /claude-sonnet-5[-.]5/, change: { reasoning: { ...newest, off: 'between-tools' } } },
  { models: /claude-haiku-5[-.]5/, change: { reasoning: { ...newest, off: 'thinking-disabled' } } },
];

const effortOnly: ReasoningForm = {
  style: 'effort',
  efforts: ['low', 'medium', 'high'],
  off: 'never',
  thinksUnasked: true,
  sampling: 'never',
  forcedTools: 'always',
  needsState: 'never',
};

const unthinking: ReasoningForm = {
  ...effortOnly,
  style: 'none',
  efforts: [],
  off: 'silence',
  thinksUnasked: false,
  sampling: 'always',
};

/** Sources, 2026-11: https://developers.openai.com/api/docs/guides/reasoning; `ReasoningEffort` of openai-node 7.55 and its
 *  earlier editions (https://learn.microsoft.com/en-us/javascript/api/@azure/ai-projects/reasoningeffort);
 *  https://github.com/anomalyco/opencode/issues/36141 (`max` from gpt-5.6 on). Before gpt-5.1 models reason anyway; since
 *  then they do not unless asked, and take sampling parameters while they do not. */
export const openaiRules: readonly ProfileRule[] = [
  {
    change: {
      reasoning: {
        ...effortOnly,
        efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
        off: 'effort-none',
        sampling: 'not-thinking',
      },
    },
  },
  { models: /^(?:gpt-3|gpt-4|chatgpt|davinci|babbage|ft:gpt-[34])/, change: { reasoning: unthinking } },
  { models: /^o\d/, change: { reasoning: effortOnly } },
  {
    models: /^gpt-5(?!\.\d)/,
    change: { reasoning: { ...effortOnly, efforts: ['minimal', 'low', 'medium', 'high'] } },
  },
  { models: /^gpt-5-pro/, change: { reasoning: { ...effortOnly, efforts: ['high'] } } },
  {
    models: /^gpt-5\.1(?!\d)/,
    change: { reasoning: { ...effortOnly, off: 'effort-none', thinksUnasked: false, sampling: 'not-thinking' } },
  },
  {
    models: /^gpt-5\.(?:[2-5](?!\d)|1-codex-max)/,
    change: {
      reasoning: {
        ...effortOnly,
        efforts: ['low', 'medium', 'high', 'xhigh'],
        off: 'effort-none',
        thinksUnasked: false,
        sampling: 'not-thinking',
      },
    },
  },
  { models: /^gpt-5[-.\d]*-chat/, change: { reasoning: unthinking } },
];

/** Thinks unless it is told not to, at three strengths, and wants what it thought back with every turn that called tools
 *  (https://api-docs.deepseek.com/guides/thinking_mode, 2026-11; the refusal: https://github.com/anomalyco/opencode/issues/24722).
 *  It ignores sampling parameters meanwhile rather than refusing them. */
const deepseekChat: ReasoningForm = {
  style: 'effort',
  efforts: ['low', 'high', 'max'],
  off: 'thinking-disabled',
  thinksUnasked: true,
  sampling: 'always',
  forcedTools: 'always',
  needsState: 'every-tool-turn',
};

export const deepseekRules: readonly ProfileRule[] = [
  { change: { reasoning: deepseekChat } },
  // Of before the fourth generation; one name thinks, the other does not.
  { models: /^deepseek-chat$/, change: { reasoning: unthinking } },
  {
    models: /^deepseek-reasoner$/,
    change: { reasoning: { ...deepseekChat, style: 'none', efforts: [], off: 'silence' } },
  },
];

/** In its Responses API reasoning is not said to be turned off, and nothing is stored that would have to come back
 *  (https://api-docs.deepseek.com/guides/responses_api, 2026-11). */
export const deepseekResponsesRules: readonly ProfileRule[] = [
  { change: { reasoning: { ...deepseekChat, off: 'never', needsState: 'never' } } },
];

/** Its mount of Messages takes the switch and ignores budgets (https://api-docs.deepseek.com/guides/anthropic_api, 2026-11). */
export const deepseekMessagesRules: readonly ProfileRule[] = [
  {
    change: {
      reasoning: {
        ...budgeted,
        efforts: ['low', 'high', 'max'],
        thinksUnasked: true,
        sampling: 'always',
        forcedTools: 'always',
        needsState: 'never',
      },
      versions: ['2023-06-01'],
    },
  },
];

/** https://console.groq.com/docs/reasoning (2026-11): gpt-oss takes three efforts, Qwen can only be turned off. */
export const groqRules: readonly ProfileRule[] = [
  { change: { reasoning: unthinking } },
  { models: /gpt-oss/, change: { reasoning: { ...effortOnly, sampling: 'always' } } },
  {
    models: /qwen/,
    change: { reasoning: { ...effortOnly, efforts: [], off: 'effort-none', sampling: 'always' } },
  },
];

/** https://docs.mistral.ai/capabilities/reasoning (2026-11): Magistral always reasons; newer models take `high` and `none`. */
export const mistralRules: readonly ProfileRule[] = [
  {
    change: {
      reasoning: { ...effortOnly, efforts: ['high'], off: 'effort-none', thinksUnasked: false, sampling: 'always' },
    },
  },
  { models: /^magistral/, change: { reasoning: { ...unthinking, thinksUnasked: true } } },
  { models: /^(?:open-|codestral|ministral|pixtral|devstral)/, change: { reasoning: unthinking } },
];

/** https://docs.x.ai/docs/guides/reasoning (2026-11): grok-3-mini takes two efforts, most others none and reason by name. */
export const xaiRules: readonly ProfileRule[] = [
  { change: { reasoning: { ...effortOnly, sampling: 'always' } } },
  { models: /^grok-(?:2|3(?!-mini)|4(?![.\d]))/, change: { reasoning: unthinking } },
  { models: /^grok-3-mini/, change: { reasoning: { ...effortOnly, efforts: ['low', 'high'], sampling: 'always' } } },
];

const geminiBudgeted: ReasoningForm = {
  style: 'budget',
  efforts: [],
  off: 'thinking-disabled',
  thinksUnasked: true,
  sampling: 'always',
  forcedTools: 'always',
  needsState: 'never',
};

/** Sources, 2026-11: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/thinking (levels from the third generation on,
 *  budgets of the second; which model takes which), recorded refusals of MINIMAL in github.com/vercel/ai, packages/google;
 *  https://ai.google.dev/gemini-api/docs/function-calling (files in results: Gemini 3), …/docs/file-input-methods (addresses:
 *  not Gemini 2.0); "Penalty is not enabled for this model" (https://github.com/google-gemini/cookbook/issues/1290);
 *  https://ai.google.dev/gemini-api/docs/thought-signatures (Gemini 3 and later insist on signatures of calls). */
export const geminiModelRules: readonly ProfileRule[] = [
  { models: /^gemini-(?:[3-9]|\d\d|.*-latest$)/, change: { reasoning: geminiLevels(['low', 'medium', 'high']) } },
  { models: /^gemini-3-pro/, change: { reasoning: geminiLevels(['low', 'high']) } },
  { models: /^gemini-3(?:\.1)?-flash/, change: { reasoning: geminiLevels(['minimal', 'low', 'medium', 'high']) } },
  { models: /^gemini-2\.5/, change: { reasoning: geminiBudgeted } },
  { models: /^gemini-2\.5-pro/, change: { reasoning: { ...geminiBudgeted, off: 'never' } } },
  {
    models: /^gemini-2\.5-flash-lite/,
    change: { reasoning: { ...geminiBudgeted, off: 'silence', thinksUnasked: false } },
  },
  { models: /^(?:gemini-(?:1|2\.0)|gemma)/, change: { reasoning: unthinking } },
  { models: /^gemini-[12]/, change: { media: { images: 'url', documents: 'url', inResults: false } } },
  {
    models: /^(?:gemini-(?:1|2\.0)|gemma)/,
    change: { media: { images: 'bytes', documents: 'bytes', inResults: false } },
  },
  {
    models: /^gemini-(?:2\.5|[3-9]|\d\d|.*-latest$)/,
    change: { unsupported: new Set(['frequencyPenalty', 'presencePenalty']) },
  },
];

/** "labels parameter is only supported in Gemini Enterprise Agent Platform mode" (@google/genai 3.1), which is Vertex. */
export const geminiRules: readonly ProfileRule[] = [
  ...geminiModelRules,
  { models: /^/, change: { unsupported: new Set(['metadata']) } },
];

function geminiLevels(efforts: ReasoningForm['efforts']): ReasoningForm {
  return {
    ...geminiBudgeted,
    style: 'effort',
    efforts,
    off: 'never',
    needsState: 'current-tool-turns',
  };
}
