import { type Endpoint, type PathTarget, type Provider, plainQuirks } from './provider.ts';
import { geminiRules } from './reasoning-forms.ts';

/** The method for a model. Within the dialect the form of a stream is the client's; else events are asked for. */
export function geminiMethod({ stream, streamForm }: PathTarget): string {
  if (!stream) return 'generateContent';
  return streamForm === undefined ? 'streamGenerateContent?alt=sse' : 'streamGenerateContent';
}

/** Tuned models have a path of their own: `tunedModels/…`. */
function modelPath(targetModel: string): string {
  const path = targetModel.includes('/') ? targetModel : `models/${targetModel}`;
  return path.split('/').map(encodeURIComponent).join('/');
}

export const geminiEndpoint: Endpoint = {
  path: target => `/v1beta/${modelPath(target.targetModel)}:${geminiMethod(target)}`,
  credential: 'x-goog-api-key',
};

/** https://ai.google.dev/api/generate-content (2026-11). */
export const gemini: Provider = {
  name: 'gemini',
  dialects: ['gemini'],
  endpoints: { gemini: geminiEndpoint },
  baseUrl: 'https://generativelanguage.googleapis.com',
  environment: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
  priceFacts: 'google',
  // The facts also have models of others that Vertex serves, and what is talked to live.
  pricedModels: /^(?:gemini|gemma)-\d(?!.*-(?:live|maas))/,
  firstModel: 'gemini-3.5-flash',
  failureDomains: ['google'],
  profiles: { gemini: geminiRules },
  quirks: plainQuirks,
};
