import type { DialectName } from '../../src/completion/request.ts';
import { providerKey } from '../scenarios/support/declare-supply.ts';

/** One provider a dialect, all played by one emulator, under the names of real models. Beside each model stand two more of
 *  its provider: `-limited` answers that too much was asked, `-slow` takes its time. */
export interface Offer {
  readonly dialect: DialectName;
  /** Whose models these are, which is the name of the provider's account, too. */
  readonly vendor: string;
  readonly kind: string;
  /** As this provider calls it. */
  readonly targetModel: string;
  /** Behind the emulator's address. */
  readonly path: string;
}

export const offers: readonly Offer[] = [
  { dialect: 'openai-chat', vendor: 'openai', kind: 'openai', targetModel: 'gpt-5', path: '/v1' },
  { dialect: 'anthropic-messages', vendor: 'anthropic', kind: 'anthropic', targetModel: 'claude-sonnet-5', path: '' },
  { dialect: 'openai-responses', vendor: 'azure', kind: 'openai', targetModel: 'gpt-5.4', path: '/v1' },
  { dialect: 'gemini', vendor: 'google', kind: 'gemini', targetModel: 'gemini-3.5-flash', path: '' },
  { dialect: 'cohere-chat', vendor: 'cohere', kind: 'cohere', targetModel: 'command-a-vision-07-2025', path: '' },
  {
    dialect: 'bedrock-converse',
    vendor: 'amazon',
    kind: 'bedrock',
    targetModel: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    path: '',
  },
];

const standings = ['', '-limited', '-slow'] as const;
export type Standing = (typeof standings)[number];

export function modelOf({ vendor, targetModel }: Offer, standing: Standing = ''): string {
  return `${vendor}/${targetModel.replace(':', '.')}${standing}`;
}

/** For the emulator. */
export const offerRules: readonly string[] = offers.flatMap(({ targetModel }) => [
  `model=${targetModel}-limited;status=429`,
  `model=${targetModel}-slow;pace=20ms;tokens=400`,
]);

/** A declarative file with a project and a key for each of `clients`, and what its references need in the server's environment. */
export function declareOffers(of: { readonly emulatorUrl: string; readonly clients: readonly string[] }) {
  const secrets = of.clients.map(
    (name, index) => [name, `secret-of-client-${index}-secret-of-client-${index}`] as const,
  );
  const rates = `{ currency: USD, rates: { ${offers.map(({ vendor }) => `"${vendor}/*": { input: "1", cacheRead: "1", cacheWrite5m: "1", cacheWrite1h: "1", output: "2" }`).join(', ')} } }`;
  const yaml = [
    'providers:',
    ...offers.map(
      ({ vendor, kind, dialect, path }) =>
        `  ${vendor}: { kind: ${kind}, dialect: ${dialect}, baseUrl: "${of.emulatorUrl}${path}", credential: env:PROVIDER_KEY }`,
    ),
    'deployments:',
    ...offers.flatMap(offer =>
      standings.map(
        standing =>
          `  ${offer.vendor}${standing}: { provider: ${offer.vendor}, model: ${modelOf(offer, standing)}, targetModel: "${offer.targetModel}${standing}" }`,
      ),
    ),
    'prices:',
    `  sell: ${rates}`,
    `  buy: ${rates}`,
    'organisations:',
    '  acme:',
    '    projects:',
    ...secrets.map(
      ([name], index) => `      ${name}: { allow: [ "**" ], keys: { only: { secret: env:CLIENT_${index} } } }`,
    ),
    '',
  ].join('\n');
  const env = {
    PROVIDER_KEY: providerKey,
    ...Object.fromEntries(secrets.map(([, secret], index) => [`CLIENT_${index}`, secret])),
  };
  return { yaml, env, keys: new Map(secrets) };
}
