import type { ConverseModel, ProfileRule, ReasoningForm } from '../completion/profile.ts';
import { olderClaudeRules } from './anthropic.ts';
import { authoriseAws } from './aws-signature.ts';
import { type EnvironmentAccount, type PathTarget, type Provider, plainQuirks } from './provider.ts';
import { claudeRules } from './reasoning-forms.ts';

const claude: ConverseModel = { topK: ['top_k'], reasoning: 'thinking', resultStatus: true, searchResults: true };
const nova: ConverseModel = {
  topK: ['inferenceConfig', 'topK'],
  reasoning: undefined,
  resultStatus: true,
  searchResults: false,
};

/** It thinks only if it is told to, at three strengths; the strongest is refused together with an output limit, which bounds
 *  what a request may cost (https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html, 2026-11). */
const novaReasoning: ReasoningForm = {
  style: 'effort',
  efforts: ['low', 'medium'],
  off: 'silence',
  thinksUnasked: false,
  sampling: 'always',
  forcedTools: 'always',
  needsState: 'never',
};

const unthinking: ReasoningForm = { ...novaReasoning, style: 'none', efforts: [] };

/** The models of other makers behind Converse. Names may begin with where they run: `us.`, `global.`
 *  (https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html, 2026-11). */
export const converseRules: readonly ProfileRule[] = [
  {
    // The status of a result: "only supported by Amazon Nova and Anthropic Claude 3 and 4 models"; a choice of tools: any by
    // Claude, Nova and Mistral Large, one by Claude and Nova (API_runtime_ToolResultBlock.html and API_runtime_ToolChoice.html
    // of https://docs.aws.amazon.com/bedrock/latest/APIReference, 2026-11).
    models: /meta\.llama|mistral\.(?!mistral-large)|cohere\.|ai21\.|deepseek\.|openai\.|qwen\.|writer\./,
    change: {
      converse: { topK: undefined, reasoning: undefined, resultStatus: false, searchResults: false },
      reasoning: { ...unthinking, forcedTools: 'never' },
    },
  },
  {
    models: /mistral\.mistral-large/,
    change: { converse: { topK: undefined, reasoning: undefined, resultStatus: false, searchResults: false } },
  },
  {
    // Not among the models whose answers can be held to a schema
    // (https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html, 2026-11).
    models:
      /amazon\.|meta\.llama|cohere\.|ai21\.|deepseek\.r1|writer\.|mistral\.(?:mistral-7b|mixtral|pixtral|mistral-(?:small|large)-2)/,
    change: { outputForms: new Set(), strictSchema: undefined },
  },
  {
    models: /amazon\.nova/,
    change: {
      converse: nova,
      stops: { max: 4, blank: true },
      // https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html (2026-11): not in tools.
      cacheMarks: { marksMax: 4, lifetimes: ['5m'], places: new Set(['call', 'result']), automatic: 'mark' },
    },
  },
  {
    models: /amazon\.nova-2/,
    change: { converse: { ...nova, reasoning: 'reasoningConfig' }, reasoning: novaReasoning },
  },
  {
    // https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html (2026-11): it always thinks.
    models: /openai\.gpt-oss/,
    change: {
      converse: { topK: undefined, reasoning: 'reasoning_effort', resultStatus: false, searchResults: false },
      reasoning: {
        ...novaReasoning,
        efforts: ['low', 'medium', 'high'],
        off: 'never',
        thinksUnasked: true,
        forcedTools: 'never',
      },
    },
  },
  {
    models: /anthropic\.claude/,
    change: {
      converse: claude,
      stops: { max: 2_500, blank: false },
      cacheMarks: {
        marksMax: 4,
        lifetimes: ['5m', '1h'],
        places: new Set(['tool', 'call', 'result']),
        automatic: 'mark',
      },
    },
  },
  ...claudeRules,
  ...olderClaudeRules,
  {
    // An hour came with Claude 4.5 (prompt-caching.html, as above).
    models: /claude-(?:2|3|instant|(?:sonnet|opus)-4(?![-.][5-9]))/,
    change: {
      cacheMarks: {
        marksMax: 4,
        lifetimes: ['5m'],
        places: new Set(['tool', 'call', 'result']),
        automatic: 'mark',
      },
    },
  },
  {
    // Instructions in the middle are of Messages; of Converse nothing is said.
    change: { roles: { systemTurns: 'first' } },
  },
];

/** Every letter but the unreserved ones is written in hexadecimal, slashes and colons too: they are part of one segment
 *  (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, 2026-11). */
export function conversePath({ targetModel, stream }: PathTarget): string {
  const model = encodeURIComponent(targetModel).replace(
    /[!'()*]/g,
    letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `/model/${model}/${stream ? 'converse-stream' : 'converse'}`;
}

/** Variables of the AWS SDKs (https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html and
 *  https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html, 2026-11). The address needs a region. */
function environmentAccount(environment: Readonly<Record<string, string | undefined>>): EnvironmentAccount | undefined {
  const said = (name: string): string | undefined => environment[name]?.trim() || undefined;
  const region = said('AWS_REGION') ?? said('AWS_DEFAULT_REGION');
  if (region === undefined || !/^[a-z]{2}(?:-[a-z]+)+-\d$/.test(region)) return undefined;
  const baseUrl = `https://bedrock-runtime.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  const token = said('AWS_BEARER_TOKEN_BEDROCK');
  if (token !== undefined) return { variables: ['AWS_BEARER_TOKEN_BEDROCK'], value: token, baseUrl };
  const id = said('AWS_ACCESS_KEY_ID');
  const secret = said('AWS_SECRET_ACCESS_KEY');
  if (id === undefined || secret === undefined) return undefined;
  const session = said('AWS_SESSION_TOKEN');
  const variables = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
  if (session === undefined) return { variables, value: `${id}:${secret}`, baseUrl };
  return { variables: [...variables, 'AWS_SESSION_TOKEN'], value: `${id}:${secret}:${session}`, baseUrl };
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (2026-11). An account has the address of
 *  its region, `https://bedrock-runtime.{region}.amazonaws.com`, and as its credential a key of Bedrock's own, or an access key
 *  as `id:secret[:session]` or JSON. */
export const bedrock: Provider = {
  name: 'bedrock',
  dialects: ['bedrock-converse'],
  endpoints: { 'bedrock-converse': { path: conversePath, credential: 'none', authorise: authoriseAws } },
  baseUrl: undefined,
  environment: ['AWS_BEARER_TOKEN_BEDROCK', 'AWS_ACCESS_KEY_ID'],
  environmentAccount,
  environmentNeeds: 'AWS_REGION and, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY',
  priceFacts: 'aws',
  // Names end in a version, and those of Claude have their day before it; what has not is a name of the data's own, or of a
  // model that Converse does not serve (https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html, 2026-11).
  pricedModels:
    /^(?:global\.)?(?:amazon\.nova-(?!.*sonic)|anthropic\.claude-(?=[\w-]*-\d{8})|meta\.llama|mistral\.|deepseek\.)[\w-]*-v\d+:\d+$/,
  firstModel: 'amazon.nova-micro-v1:0',
  failureDomains: [],
  profiles: { 'bedrock-converse': converseRules },
  quirks: plainQuirks,
};
