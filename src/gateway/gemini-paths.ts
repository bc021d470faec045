import type { PathFacts } from '../dialects/dialect.ts';
import type { ModelPath } from './model-paths.ts';

/** Where the API, and the same on Vertex, is asked for answers (https://ai.google.dev/api/generate-content,
 *  https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference, 2026-11). Project and place of a client are
 *  its own idea: where a request goes is the deployment's. */
export const geminiPlaces = [
  '/v1beta/models/{model}',
  '/v1/models/{model}',
  '/v1/projects/{project}/locations/{location}/publishers/google/models/{model}',
  '/v1beta1/projects/{project}/locations/{location}/publishers/google/models/{model}',
  // With a key instead of a project.
  '/v1/publishers/google/models/{model}',
  '/v1beta1/publishers/google/models/{model}',
  // @ai-sdk/google 4.0 takes a name with a slash for one that has its collection before it.
  '/v1beta/{model}',
] as const;

export const geminiPaths: readonly ModelPath[] = geminiPlaces.flatMap((place): readonly ModelPath[] => [
  { form: `${place}:generateContent`, dialect: 'gemini', read: whole },
  { form: `${place}:streamGenerateContent`, dialect: 'gemini', read: streamed },
]);

/** Is it one of them, whatever the method? */
export function isGenerating(path: string): boolean {
  return /(?::|%3A)(?:generateContent|streamGenerateContent|countTokens)$/i.test(path);
}

function whole(): Omit<PathFacts, 'requestedModel'> {
  return { stream: false };
}

/** Events with `alt=sse`; without, one list that grows. */
function streamed(query: string): Omit<PathFacts, 'requestedModel'> {
  const isEvents = query.split('&').some(pair => /^(?:\$|%24)?alt=sse$/i.test(pair));
  return { stream: true, streamForm: isEvents ? 'events' : 'list' };
}
