import { join } from 'node:path';
import { clientPath } from '../installed-client.ts';
import { type AgentCommand, type AgentEnd, runAgent } from '../run-agent.ts';
import { type Agent, call, type Job } from './agent.ts';

/** `@anthropic-ai/claude-code`, which speaks Messages. */
export const claudeCode: Agent = {
  name: 'claude-code',
  dialect: 'anthropic-messages',
  steps({ folder }) {
    const path = join(folder, 'tariff.txt');
    return [
      call('Write', { file_path: path, content: 'equal terms\n' }),
      `${call('Read', { file_path: path })} and ${call('Bash', { command: 'cat tariff.txt', description: 'Show' })}`,
    ];
  },
  command: job => commandOf(job),
  said: ({ events }) => events.find(event => event.type === 'result')?.result,
  asksBeside: [],
};

export interface Task extends Omit<Job, 'prompt'> {
  /** Given the folder that the agent works in. */
  prompt(folder: string): string;
  /** Called when it has ended, before its folder is deleted. */
  inspect?(folder: string): void;
  readonly env?: Readonly<Record<string, string>>;
}

/** With a task of any kind. */
export function runClaudeCode({ prompt, inspect, env, ...job }: Task): Promise<AgentEnd> {
  return runAgent({
    command: ({ folder }) => commandOf({ ...job, prompt: prompt(folder) }, env),
    inspect: ({ folder }) => inspect?.(folder),
  });
}

function commandOf({ url, apiKey, model, prompt }: Job, env: Readonly<Record<string, string>> = {}): AgentCommand {
  const words = ['-p', prompt, '--output-format', 'stream-json', '--verbose', '--include-partial-messages'];
  return {
    path: clientPath('@anthropic-ai', `claude-code-${process.platform}-${process.arch}`, 'claude'),
    words: [...words, '--permission-mode', 'acceptEdits', '--allowedTools', 'Bash(cat:*)'],
    env: {
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_AUTH_TOKEN: apiKey,
      ANTHROPIC_MODEL: model,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      ...env,
    },
  };
}
