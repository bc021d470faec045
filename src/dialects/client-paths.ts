import type { Loss } from '../completion/loss.ts';
import type { DialectName } from '../completion/request.ts';

/** Encoders name a control by the word that some client has for it. Here is each client's own, for what is declared lost. */
const effort = ['reasoning_effort', 'output_config.effort', 'thinking', 'thinking.type', 'thinking.budget_tokens'];

/** Where Gemini has what most call by one word. */
const config = 'generationConfig';
const geminiWords: readonly (readonly [string, string])[] = [
  ['temperature', `${config}.temperature`],
  ['top_p', `${config}.topP`],
  ['top_k', `${config}.topK`],
  ['seed', `${config}.seed`],
  ['frequency_penalty', `${config}.frequencyPenalty`],
  ['presence_penalty', `${config}.presencePenalty`],
  ['max_tokens', `${config}.maxOutputTokens`],
  ['response_format', `${config}.responseMimeType`],
  ['service_tier', 'serviceTier'],
  ['metadata', 'labels'],
  ['tool_choice', 'toolConfig.functionCallingConfig'],
  ['tool_choice.allowed_tools', 'toolConfig.functionCallingConfig'],
];

const wordsOf: Readonly<Partial<Record<DialectName, ReadonlyMap<string, string>>>> = {
  'openai-chat': new Map(effort.map(path => [path, 'reasoning_effort'])),
  gemini: new Map([...effort.map(path => [path, `${config}.thinkingConfig`] as const), ...geminiWords]),
  'openai-responses': new Map([
    ...effort.map(path => [path, 'reasoning.effort'] as const),
    ['max_tokens', 'max_output_tokens'],
    ['tool_choice.allowed_tools', 'tool_choice.tools'],
  ]),
};

/** The same losses by the paths of the client's request. */
export function inClientWords(losses: readonly Loss[], client: DialectName): readonly Loss[] {
  const words = wordsOf[client];
  if (words === undefined || losses.length === 0) return losses;
  return losses.map(loss => {
    const path = words.get(loss.path);
    return path === undefined ? loss : { ...loss, path };
  });
}
