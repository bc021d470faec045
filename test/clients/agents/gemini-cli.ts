import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientPath } from '../installed-client.ts';
import { type Agent, call } from './agent.ts';

/** `@google/gemini-cli`, which speaks Gemini's API. */
export const geminiCli: Agent = {
  name: 'gemini-cli',
  dialect: 'gemini',
  steps({ folder }) {
    const path = join(folder, 'tariff.txt');
    const show = call('run_shell_command', { command: 'cat tariff.txt', description: 'Show' });
    return [
      call('write_file', { file_path: path, content: 'equal terms\n' }),
      `${call('read_file', { file_path: path })} and ${show}`,
    ];
  },
  command({ url, apiKey, model, prompt }, { home }) {
    mkdirSync(join(home, '.gemini'));
    const settings = {
      security: { auth: { selectedType: 'gemini-api-key' } },
      privacy: { usageStatisticsEnabled: false },
      general: { enableAutoUpdate: false },
    };
    writeFileSync(join(home, '.gemini', 'settings.json'), JSON.stringify(settings));
    return {
      path: process.execPath,
      words: [
        clientPath('@google', 'gemini-cli', 'bundle', 'gemini.js'),
        ...['--model', model, '--prompt', prompt, '--yolo', '--skip-trust', '--output-format', 'stream-json'],
      ],
      env: { GEMINI_API_KEY: apiKey, GOOGLE_GEMINI_BASE_URL: url, GEMINI_CLI_NO_RELAUNCH: '1' },
    };
  },
  said: ({ events }) => {
    // A message comes in pieces.
    const last = events.findLastIndex(event => event.type === 'tool_result');
    const pieces = events.slice(last + 1).filter(event => event.type === 'message' && event.role === 'assistant');
    return pieces.map(({ content }) => content).join('');
  },
  asksBeside: [],
};
