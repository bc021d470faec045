import type { Block, CompletionRequest } from '../completion/request.ts';
import type { RequestScan } from '../dialects/dialect.ts';
import { type Capability, capabilities } from '../routing/decision.ts';

/** What a request needs of a deployment beyond text, in the order of `capabilities`. A request that could not be read into
 *  the middle needs what its scan shows. */
export function needsOf(request: CompletionRequest | undefined, scan: RequestScan): readonly Capability[] {
  const needs = new Set<Capability>();
  if (scan.hasTools) needs.add('tools');
  if (scan.answers > 1) needs.add('several-answers');
  if (request === undefined) {
    if (scan.mediaParts > 0) needs.add('images');
  } else {
    for (const { blocks } of request.turns) addMedia(blocks, needs);
    if (request.output !== undefined) needs.add(request.output.type);
    if (request.logprobs !== undefined) needs.add('logprobs');
    const { reasoning } = request;
    if (reasoning !== undefined && reasoning.mode !== 'off') needs.add('reasoning');
  }
  return capabilities.filter(capability => needs.has(capability));
}

const capabilityOf = { image: 'images', document: 'documents', audio: 'audio' } as const;

function addMedia(blocks: readonly Block[], needs: Set<Capability>): void {
  for (const block of blocks) {
    if (block.type === 'media') needs.add(capabilityOf[block.kind]);
    else if (block.type === 'result') addMedia(block.blocks, needs);
  }
}
