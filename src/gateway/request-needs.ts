import type { CompletionRequest } from '../completion/request.ts';
import type { RequestScan } from '../dialects/dialect.ts';
import { type Capability, capabilities } from '../routing/decision.ts';

/** What a request needs of a deployment beyond text, in the order of `capabilities`. Of a request that could not be read
 *  into the middle, only what its scan shows. */
export function needsOf(request: CompletionRequest | undefined, scan: RequestScan): readonly Capability[] {
  const { images, documents, documentsUnsized, audioBytes, audioUnsized } = scan.media;
  const needs = new Set<Capability>();
  if (scan.hasTools) needs.add('tools');
  if (scan.answers > 1) needs.add('several-answers');
  if (images > 0) needs.add('images');
  if (documents + documentsUnsized > 0) needs.add('documents');
  if (audioBytes + audioUnsized > 0) needs.add('audio');
  if (request?.output !== undefined) needs.add(request.output.type);
  if (request?.logprobs !== undefined) needs.add('logprobs');
  if (request?.reasoning !== undefined && request.reasoning.mode !== 'off') needs.add('reasoning');
  return capabilities.filter(capability => needs.has(capability));
}
