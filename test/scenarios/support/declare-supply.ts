/** A key that scenarios give to the file of `declareSupply`, and what the file calls it. */
export const acmeKey = 'acme-secret-acme-secret-acme-secret-0';
export const providerKey = 'provider-secret';

export interface SupplyOptions {
  /** Of an emulator. */
  readonly emulatorUrl: string;
  /** YAML lines under the project `web`, such as `budget: { limit: "1.00", period: month, hard: true }`. */
  readonly project?: readonly string[];
  /** Whole top-level YAML lines to add, such as routes. */
  readonly more?: readonly string[];
}

export interface Supply {
  readonly yaml: string;
  /** What its references need in the server's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** One model a dialect, served by an emulator under the names of real ones: `openai/gpt-5` as deployment `gpt-5-us`,
 *  `anthropic/claude-sonnet-5` as `sonnet-eu`; 1.25/0.125/10.00 and 3.00/0.30/15.00 in both books; one organisation. */
export function declareSupply(options: SupplyOptions): Supply {
  const prices = `currency: USD, rates: {
      openai/gpt-5: { input: "1.25", cacheRead: "0.125", output: "10.00" },
      anthropic/claude-sonnet-5: { input: "3.00", cacheRead: "0.30", cacheWrite5m: "3.75", cacheWrite1h: "6.00", output: "15.00" } }`;
  const yaml = [
    'providers:',
    `  openai: { dialect: openai-chat, baseUrl: "${options.emulatorUrl}/v1", credential: env:OPENAI_API_KEY }`,
    `  anthropic: { dialect: anthropic-messages, baseUrl: "${options.emulatorUrl}", credential: env:ANTHROPIC_API_KEY }`,
    'deployments:',
    '  gpt-5-us: { provider: openai, model: openai/gpt-5, targetModel: gpt-5, zones: { processing: US } }',
    '  sonnet-eu: { provider: anthropic, model: anthropic/claude-sonnet-5, targetModel: claude-sonnet-5, zones: { processing: EU } }',
    'prices:',
    `  sell: { ${prices} }`,
    `  buy: { ${prices} }`,
    'organisations:',
    '  acme:',
    '    projects:',
    '      web:',
    '        keys: { ci: { secret: env:ACME_KEY } }',
    '        allow: [ "**" ]',
    ...(options.project ?? []).map(line => `        ${line}`),
    ...(options.more ?? []),
    '',
  ].join('\n');
  return { yaml, env: { ACME_KEY: acmeKey, OPENAI_API_KEY: providerKey, ANTHROPIC_API_KEY: providerKey } };
}
