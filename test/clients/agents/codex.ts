import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientPath } from '../installed-client.ts';
import { type Agent, call } from './agent.ts';

/** `@openai/codex`, which speaks Responses. */
export const codex: Agent = {
  name: 'codex',
  dialect: 'openai-responses',
  steps: () => [
    call('exec_command', { cmd: 'echo equal terms > tariff.txt' }),
    `${call('exec_command', { cmd: 'cat tariff.txt' })} and ${call('exec_command', { cmd: 'wc -l tariff.txt' })}`,
  ],
  command({ url, apiKey, model, prompt }, { home }) {
    mkdirSync(join(home, '.codex'));
    const configuration = [
      `model = "${model}"`,
      'model_provider = "carrier"',
      'check_for_update_on_startup = false',
      '[analytics]',
      'enabled = false',
      '[features]',
      'plugins = false',
      'apps = false',
      '[model_providers.carrier]',
      'name = "Common Carrier"',
      `base_url = "${url}/v1"`,
      'env_key = "CARRIER_KEY"',
      'wire_api = "responses"',
      '',
    ];
    writeFileSync(join(home, '.codex', 'config.toml'), configuration.join('\n'));
    return {
      path: binaryPath(),
      words: ['exec', '--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', prompt],
      env: { CARRIER_KEY: apiKey },
    };
  },
  said: ({ events }) =>
    events.findLast(event => event.type === 'item.completed' && event.item.type === 'agent_message')?.item.text,
  asksBeside: [],
};

/** Its package for this platform; the binary does not care which C library there is. */
function binaryPath(): string {
  const target = process.arch === 'arm64' ? 'aarch64-unknown-linux-musl' : 'x86_64-unknown-linux-musl';
  return clientPath('@openai', `codex-${process.platform}-${process.arch}`, 'vendor', target, 'bin', 'codex');
}
