import type { ProfileRule } from '../completion/profile.ts';
import { geminiMethod } from './gemini.ts';
import { authoriseGoogle } from './google-token.ts';
import { type PathTarget, type Provider, plainQuirks } from './provider.ts';
import { geminiModelRules } from './reasoning-forms.ts';

/** Tuned models have a path of their own: `endpoints/…`. */
function vertexPath(target: PathTarget): string {
  const { targetModel } = target;
  const place = targetModel.includes('/') ? targetModel : `publishers/google/models/${targetModel}`;
  return `/${place.split('/').map(encodeURIComponent).join('/')}:${geminiMethod(target)}`;
}

/** Where it differs from the Gemini API (https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/Content and
 *  …/rest/v1/Tool, 2026-11): calls have no ids, names are shorter, and tiers are said in headers. */
export const vertexRules: readonly ProfileRule[] = [
  ...geminiModelRules,
  {
    models: /^/,
    change: {
      callIds: {
        pattern: /^[\w-]{1,64}$/,
        prefix: 'call_',
        digest: { letters: 34, alphabet: 'hex' },
        unknown: true,
      },
      toolNames: { pattern: /^[A-Za-z_][\w.-]{0,63}$/, lettersMax: 64 },
      serviceTiers: new Map(),
    },
  },
];

/** Gemini on Google Cloud. An account has the address of its project and place,
 *  `https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}`, and as its credential the JSON key
 *  of a service account, or an access token (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference,
 *  2026-11). */
export const vertex: Provider = {
  name: 'vertex',
  dialects: ['gemini'],
  endpoints: { gemini: { path: vertexPath, credential: 'none', authorise: authoriseGoogle } },
  baseUrl: undefined,
  environment: [],
  priceFacts: 'google',
  pricedModels: /^(?:gemini|gemma)-\d(?!.*-(?:live|maas))/,
  failureDomains: ['google-cloud'],
  profiles: { gemini: vertexRules },
  quirks: plainQuirks,
};
