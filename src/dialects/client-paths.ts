import type { Loss } from '../completion/loss.ts';
import type { DialectName } from '../completion/request.ts';

/** Lowering and encoders name a control by the word that some client has for it: chat completions, or Messages. Here is each
 *  client's own, for what is declared lost or refused. */

const thinking = ['thinking', 'thinking.type', 'thinking.budget_tokens'];
const effort = ['reasoning_effort', 'output_config.effort', ...thinking];
const schema = ['response_format', 'response_format.json_schema', 'output_config.format'];
const choice = ['tool_choice', 'tool_choice.allowed_tools'];

interface ClientWords {
  readonly words: ReadonlyMap<string, string>;
  /** Where the tool of a number stands, with the rest of its path. */
  readonly tool?: (index: string, rest: string) => string;
}

function words(...rows: readonly (readonly [paths: string | readonly string[], word: string])[]): ClientWords['words'] {
  return new Map(rows.flatMap(([paths, word]) => [paths].flat().map(path => [path, word] as const)));
}

const wordsOf: Readonly<Record<DialectName, ClientWords>> = {
  'openai-chat': { words: words([effort, 'reasoning_effort']) },
  'openai-responses': {
    words: words(
      [effort, 'reasoning.effort'],
      ['max_tokens', 'max_output_tokens'],
      ['tool_choice.allowed_tools', 'tool_choice'],
    ),
  },
  'anthropic-messages': { words: words(['reasoning_effort', 'output_config.effort']) },
  gemini: {
    words: words(
      [effort, 'generationConfig.thinkingConfig'],
      [choice, 'toolConfig.functionCallingConfig'],
      ['response_format', 'generationConfig.responseMimeType'],
      [schema.slice(1), 'generationConfig.responseJsonSchema'],
      ['max_tokens', 'generationConfig.maxOutputTokens'],
      ['temperature', 'generationConfig.temperature'],
      ['top_p', 'generationConfig.topP'],
      ['top_k', 'generationConfig.topK'],
      ['seed', 'generationConfig.seed'],
      ['frequency_penalty', 'generationConfig.frequencyPenalty'],
      ['presence_penalty', 'generationConfig.presencePenalty'],
      ['stop', 'generationConfig.stopSequences'],
      ['n', 'generationConfig.candidateCount'],
      ['logprobs', 'generationConfig.responseLogprobs'],
      ['metadata', 'labels'],
      ['service_tier', 'serviceTier'],
    ),
    tool: (index, rest) => `tools.0.functionDeclarations.${index}${rest === '' ? '' : '.parameters'}`,
  },
  'cohere-chat': {
    words: words([effort, 'thinking'], ['top_k', 'k'], ['top_p', 'p'], ['stop', 'stop_sequences']),
  },
  'bedrock-converse': {
    words: words(
      [['reasoning_effort', 'output_config.effort'], 'outputConfig.effort'],
      [thinking, 'additionalModelRequestFields.thinking'],
      [choice, 'toolConfig.toolChoice'],
      [schema, 'outputConfig.textFormat'],
      ['max_tokens', 'inferenceConfig.maxTokens'],
      ['temperature', 'inferenceConfig.temperature'],
      ['top_p', 'inferenceConfig.topP'],
      ['top_k', 'additionalModelRequestFields.top_k'],
      ['stop', 'inferenceConfig.stopSequences'],
      ['metadata', 'requestMetadata'],
      ['service_tier', 'serviceTier'],
    ),
    tool: (index, rest) => `toolConfig.tools.${index}.toolSpec${rest === '' ? '' : '.inputSchema.json'}`,
  },
};

/** What is at the path of another client's request, in this client's words. */
export function inClientWord(path: string, client: DialectName): string {
  const known = wordsOf[client];
  const word = known.words.get(path);
  if (word !== undefined) return word;
  const stop = /^stop\.(\d+)$/.exec(path);
  if (stop !== null && known.words.has('stop')) return `${known.words.get('stop')}.${stop[1]}`;
  const tool = known.tool === undefined ? null : /^tools\.(\d+)((?:\.[a-z_.]+)?)$/.exec(path);
  return tool === null ? path : known.tool!(tool[1]!, tool[2]!);
}

/** The same losses by the paths of the client's request. */
export function inClientWords(losses: readonly Loss[], client: DialectName): readonly Loss[] {
  return losses.map(loss => {
    const path = inClientWord(loss.path, client);
    return path === loss.path ? loss : { ...loss, path };
  });
}
