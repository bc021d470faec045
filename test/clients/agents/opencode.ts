import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DialectName } from '../../../src/completion/request.ts';
import { clientPath } from '../installed-client.ts';
import { type Agent, call } from './agent.ts';

/** `opencode-ai`, by the packages that its configuration can name: what they speak, and where they start. */
export const opencodes: readonly Agent[] = [
  opencodeBy('@ai-sdk/openai-compatible', 'openai-chat', '/v1'),
  // It takes its time to start: by its other packages, over few.
  { ...opencodeBy('@ai-sdk/anthropic', 'anthropic-messages', '/v1'), over: ['openai-chat', 'gemini'] },
  { ...opencodeBy('@ai-sdk/openai', 'openai-responses', '/v1'), over: ['anthropic-messages'] },
  { ...opencodeBy('@ai-sdk/google', 'gemini', '/v1beta'), over: ['bedrock-converse'] },
];

function opencodeBy(npm: string, dialect: DialectName, path: string): Agent {
  return {
    name: `opencode by ${npm}`,
    dialect,
    // It gives models of OpenAI a patch to apply, and others a file to write.
    steps({ folder }, model) {
      const path = join(folder, 'tariff.txt');
      const patchText = '*** Begin Patch\n*** Add File: tariff.txt\n+equal terms\n*** End Patch';
      return [
        model.includes('gpt')
          ? call('apply_patch', { patchText })
          : call('write', { filePath: path, content: 'equal terms\n' }),
        `${call('read', { filePath: path })} and ${call('bash', { command: 'cat tariff.txt', description: 'Show' })}`,
      ];
    },
    command({ url, apiKey, model, prompt }, { folder }) {
      const options = { baseURL: `${url}${path}`, apiKey: '{env:CARRIER_KEY}' };
      const configuration = {
        provider: { carrier: { npm, options, models: { [model]: {} } } },
        model: `carrier/${model}`,
        small_model: `carrier/${model}`,
        share: 'disabled',
        autoupdate: false,
        permission: 'allow',
      };
      writeFileSync(join(folder, 'opencode.json'), JSON.stringify(configuration));
      return {
        path: clientPath(`opencode-${process.platform}-${process.arch}`, 'bin', 'opencode'),
        words: ['run', '--format', 'json', '--pure', '--title', 'Tariff'],
        // As a word it would be put in quotes.
        input: prompt,
        env: { CARRIER_KEY: apiKey, OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1' },
      };
    },
    said: ({ events }) => events.findLast(event => event.type === 'text')?.part.text,
    // The types for plugins, which it installs beside its configuration.
    asksBeside: ['registry.npmjs.org:443'],
  };
}
