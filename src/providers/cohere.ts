import type { ProfileRule } from '../completion/profile.ts';
import { type Endpoint, type Provider, plainQuirks } from './provider.ts';

export const cohereEndpoint: Endpoint = { path: '/v2/chat', credential: 'bearer' };

/** What models before Command A+ take otherwise. A model that is not known yet is taken for one like it: it thinks and sees
 *  (https://docs.cohere.com/docs/command-a-plus, 2026-11). */
export const olderCommandRules: readonly ProfileRule[] = [
  {
    // Command A Reasoning was the first that thinks (https://docs.cohere.com/docs/command-a-reasoning, 2026-11).
    models: /^(?:c4ai-|command(?:$|-light|-nightly|-r|-a(?:$|-0\d-|-vision|-translate)))/,
    change: {
      reasoning: {
        style: 'none',
        efforts: [],
        off: 'silence',
        thinksUnasked: false,
        sampling: 'always',
        forcedTools: 'always',
        needsState: 'never',
      },
    },
  },
  {
    // `tool_choice` is "only compatible with models Command-r7b and newer" (cohere-ai 8.1.0, V2ChatRequest.d.ts, 2026-11).
    models: /^(?:c4ai-|command(?:$|-light|-r(?!7b)))/,
    change: {
      reasoning: {
        style: 'none',
        efforts: [],
        off: 'silence',
        thinksUnasked: false,
        sampling: 'always',
        forcedTools: 'never',
        needsState: 'never',
      },
    },
  },
  {
    // Command A Vision was the first that sees (https://docs.cohere.com/docs/image-inputs, 2026-11).
    models: /^(?:c4ai-aya-expanse|command(?:$|-light|-nightly|-r|-a(?:$|-0\d-|-translate|-reasoning)))/,
    change: { media: { images: 'none', documents: 'none' } },
  },
];

/** https://docs.cohere.com/reference/chat (2026-11). */
export const cohere: Provider = {
  name: 'cohere',
  dialects: ['cohere-chat'],
  endpoints: { 'cohere-chat': cohereEndpoint },
  baseUrl: 'https://api.cohere.com',
  // The second is what its clients read (cohere-ai 8.1.0, BearerAuthProvider.js, 2026-11).
  environment: ['COHERE_API_KEY', 'CO_API_KEY'],
  priceFacts: 'cohere',
  firstModel: 'command-r7b',
  // The names of its API (https://docs.cohere.com/docs/models, 2026-11); the facts leave the date out.
  targetModels: {
    'command-a': 'command-a-03-2025',
    'command-r': 'command-r-08-2024',
    'command-r-plus': 'command-r-plus-08-2024',
    'command-r7b': 'command-r7b-12-2024',
  },
  failureDomains: ['cohere'],
  profiles: { 'cohere-chat': olderCommandRules },
  quirks: plainQuirks,
};

/** Cohere's chat behind the address of a cloud, of a private deployment or of a proxy before one. */
export const cohereCompatible: Provider = {
  name: 'cohere-compatible',
  dialects: ['cohere-chat'],
  endpoints: { 'cohere-chat': cohereEndpoint },
  baseUrl: undefined,
  environment: [],
  priceFacts: undefined,
  failureDomains: [],
  profiles: { 'cohere-chat': olderCommandRules },
  quirks: plainQuirks,
};
