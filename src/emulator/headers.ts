import type { ProviderName } from './answer.ts';

// Header names: the providers' published references and recorded answers (2026-11).

/** Headers that every answer of a provider carries, but for its content type. Made anew once a second, since resets
 *  are instants. */
export function createProviderHeaders(nowMs: () => number): (provider: ProviderName, requestId: string) => string[] {
  let madeForSecond = -1;
  let openai: readonly string[] = [];
  let anthropic: readonly string[] = [];

  return (provider, requestId) => {
    const second = Math.floor(nowMs() / 1_000);
    if (second !== madeForSecond) {
      madeForSecond = second;
      openai = openaiHeaders();
      anthropic = anthropicHeaders(second);
    }
    if (provider === 'bedrock') return ['x-amzn-requestid', uuidFrom(requestId)];
    if (provider === 'cohere') return ['x-debug-trace-id', uuidFrom(requestId).replaceAll('-', ''), ...cohereHeaders];
    if (provider === 'gemini') return [...geminiHeaders];
    if (provider === 'anthropic') return ['request-id', requestId, ...anthropic];
    return ['x-request-id', requestId, ...openai];
  };
}

const cohereHeaders = [
  'x-trial-endpoint-call-limit',
  '20',
  'x-trial-endpoint-call-remaining',
  '19',
  'x-endpoint-monthly-call-limit',
  '1000',
];

/** Google sends no request id and nothing of rate limits. */
const geminiHeaders = [
  'vary',
  'Origin, X-Origin, Referer',
  'server',
  'scaffolding on HTTPServer2',
  'x-xss-protection',
  '0',
  'x-frame-options',
  'SAMEORIGIN',
  'x-content-type-options',
  'nosniff',
  'server-timing',
  'gfet4t7; dur=1',
];

function openaiHeaders(): string[] {
  return [
    'openai-organization',
    'org-emulated',
    'openai-processing-ms',
    '1',
    'openai-version',
    '2020-10-01',
    'x-ratelimit-limit-requests',
    '10000',
    'x-ratelimit-limit-tokens',
    '2000000',
    'x-ratelimit-remaining-requests',
    '9999',
    'x-ratelimit-remaining-tokens',
    '1999900',
    'x-ratelimit-reset-requests',
    '6ms',
    'x-ratelimit-reset-tokens',
    '3ms',
  ];
}

function anthropicHeaders(second: number): string[] {
  const resetAt = `${new Date((second + 1) * 1_000).toISOString().slice(0, 19)}Z`;
  const headers = ['anthropic-organization-id', '00000000-0000-4000-8000-000000000000'];
  for (const [kind, limit] of ratelimits) {
    headers.push(`anthropic-ratelimit-${kind}-limit`, String(limit));
    headers.push(`anthropic-ratelimit-${kind}-remaining`, String(limit - 1_000));
    headers.push(`anthropic-ratelimit-${kind}-reset`, resetAt);
  }
  return headers;
}

const ratelimits = [
  ['requests', 4_000],
  ['tokens', 2_400_000],
  ['input-tokens', 2_000_000],
  ['output-tokens', 400_000],
] as const;

/** Script headers replace those of the same name. */
export function overrideHeaders(headers: string[], overrides: readonly (readonly [string, string])[]): string[] {
  let merged = headers;
  for (const [name, value] of overrides) {
    merged = merged.flatMap((entry, index) => (index % 2 === 0 && entry !== name ? [entry, merged[index + 1]!] : []));
    merged.push(name, value);
  }
  return merged;
}

/** Bedrock's request ids have the form of a UUID; these are made from the emulator's own. */
function uuidFrom(requestId: string): string {
  const digits = Buffer.from(requestId).toString('hex').slice(-30).padStart(30, '0');
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(12, 15)}`,
    `8${digits.slice(15, 18)}`,
    digits.slice(18),
  ].join('-');
}
