import type { Loss } from '../completion/loss.ts';
import type { DialectName } from '../completion/request.ts';

/** Encoders name a control by the word that some client has for it. Here is each client's own, for what is declared lost. */
const effort = ['reasoning_effort', 'output_config.effort', 'thinking', 'thinking.type', 'thinking.budget_tokens'];

const wordsOf: Readonly<Partial<Record<DialectName, ReadonlyMap<string, string>>>> = {
  'openai-chat': new Map(effort.map(path => [path, 'reasoning_effort'])),
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
