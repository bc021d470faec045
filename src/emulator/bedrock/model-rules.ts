import { Refusal } from '../answer.ts';
import { refusedByModel } from '../anthropic/model-rules.ts';
import { invalid, refusedByTheModel } from './errors.ts';
import { type ConverseRequest, isObject, type Json, listOf } from './wire.ts';

/** What each family takes of Converse, by its name. Written from the table of
 *  https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html (2026-11).
 *  Names of no known family are refused nothing here. */
interface FamilyRules {
  readonly models: RegExp;
  readonly system: boolean;
  readonly tools: boolean;
  readonly streamedTools: boolean;
  readonly choices: readonly string[];
  readonly cachePoints: boolean;
}

const all = { system: true, tools: true, streamedTools: true, choices: ['auto', 'any', 'tool'], cachePoints: true };

const families: readonly FamilyRules[] = [
  {
    ...all,
    models: /anthropic\.claude-3-(?:haiku|sonnet|opus)|anthropic\.claude-3-5-sonnet-20240620/,
    cachePoints: false,
  },
  { ...all, models: /claude-/ },
  { ...all, models: /amazon\.nova/ },
  {
    models: /amazon\.titan/,
    system: false,
    tools: false,
    streamedTools: false,
    choices: [],
    cachePoints: false,
  },
  { ...all, models: /meta\.llama/, streamedTools: false, choices: ['auto'], cachePoints: false },
  { ...all, models: /mistral\./, streamedTools: false, choices: ['auto', 'any'], cachePoints: false },
  { ...all, models: /cohere\.command/, choices: ['auto'], cachePoints: false },
  { ...all, models: /deepseek\.r1/, tools: false, streamedTools: false, choices: [], cachePoints: false },
];

/** As Anthropic names it; undefined for the models of others. */
export function claudeName(model: string): string | undefined {
  return /claude-[a-z0-9-]*?(?=-\d{8}|-v\d|$)/.exec(model)?.[0];
}

/** Throws Refusal for what the model's family does not take. */
export function checkFamily(request: ConverseRequest, model: string, streamed: boolean): void {
  const rule = families.find(({ models }) => models.test(model));
  if (rule === undefined) return;
  if (!rule.system && listOf(request['system']).length > 0) {
    throw invalid("This model doesn't support the system field. Remove system and try again.");
  }
  const { toolConfig } = request;
  if (isObject(toolConfig)) checkTools(toolConfig, rule, streamed);
  if (!rule.cachePoints && hasCachePoint(request)) {
    // Denied, not invalid.
    const message =
      'You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.';
    throw new Refusal(403, 'AccessDeniedException', message);
  }
  const claude = claudeName(model);
  if (claude !== undefined) checkClaude(request, claude);
}

function checkTools(toolConfig: Json, rule: FamilyRules, streamed: boolean): void {
  if (!rule.tools) throw invalid("This model doesn't support tool use.");
  if (streamed && !rule.streamedTools) throw invalid("This model doesn't support tool use in streaming mode.");
  const choice = toolConfig['toolChoice'];
  const left = isObject(choice) ? Object.keys(choice).find(name => !rule.choices.includes(name)) : undefined;
  if (left === undefined) return;
  throw invalid(
    `This model doesn't support the toolConfig.toolChoice.${left} field. Remove toolConfig.toolChoice.${left} and try again.`,
  );
}

function hasCachePoint(request: ConverseRequest): boolean {
  const blocks = [
    ...listOf(request['system']),
    ...request.messages.flatMap(message => message.content),
    ...listOf(isObject(request['toolConfig']) ? request['toolConfig']['tools'] : undefined),
  ];
  return blocks.some(block => block['cachePoint'] !== undefined);
}

const claudeFields = [
  'anthropic_beta',
  'metadata',
  'output_config',
  'reasoning_config',
  'thinking',
  'tool_choice',
  'top_k',
];
const budgetTokensMin = 1_024;

/** What Claude says of its own fields, thinking and forced calls, in Anthropic's words. */
function checkClaude(request: ConverseRequest, claude: string): void {
  const extra = isObject(request['additionalModelRequestFields']) ? request['additionalModelRequestFields'] : {};
  const unknown = Object.keys(extra).find(name => !claudeFields.includes(name));
  if (unknown !== undefined) {
    throw invalid(
      `Malformed input request: #: extraneous key [${unknown}] is not permitted, please reformat your input and try again.`,
    );
  }
  const inference = isObject(request['inferenceConfig']) ? request['inferenceConfig'] : {};
  checkBudget(extra['thinking'] ?? extra['reasoning_config'], inference);
  const refused = refusedByModel({
    model: claude,
    messages: request.messages,
    thinking: extra['thinking'] ?? extra['reasoning_config'],
    output_config: outputConfig(request, extra),
    temperature: inference['temperature'],
    top_p: inference['topP'],
    top_k: extra['top_k'],
    tool_choice: toolChoice(request),
  });
  if (refused !== undefined) throw refusedByTheModel(refused);
}

function checkBudget(thinking: unknown, inference: Json): void {
  if (!isObject(thinking) || thinking['type'] !== 'enabled') return;
  const budget = thinking['budget_tokens'];
  if (typeof budget !== 'number') throw refusedByTheModel('thinking.enabled.budget_tokens: Field required');
  if (budget < budgetTokensMin) {
    throw refusedByTheModel(
      `thinking.enabled.budget_tokens: Input should be greater than or equal to ${budgetTokensMin}`,
    );
  }
  if (typeof inference['maxTokens'] === 'number' && inference['maxTokens'] <= budget) {
    throw refusedByTheModel('`max_tokens` must be greater than `thinking.budget_tokens`.');
  }
  if (inference['temperature'] !== undefined && inference['temperature'] !== 1) {
    throw refusedByTheModel('`temperature` may only be set to 1 when thinking is enabled.');
  }
}

function outputConfig(request: ConverseRequest, extra: Json): unknown {
  const config = request['outputConfig'];
  const effort = isObject(config) ? config['effort'] : undefined;
  return effort === undefined ? extra['output_config'] : { effort };
}

function toolChoice(request: ConverseRequest): unknown {
  const choice = isObject(request['toolConfig']) ? request['toolConfig']['toolChoice'] : undefined;
  if (!isObject(choice)) return undefined;
  return choice['tool'] === undefined ? { type: choice['any'] === undefined ? 'auto' : 'any' } : { type: 'tool' };
}
