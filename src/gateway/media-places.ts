import type { Block, CompletionRequest, MediaBlock, TextBlock, Turn } from '../completion/request.ts';

type Content = TextBlock | MediaBlock;

/** All media of a request, in order: of turns, of results of tools, and inside documents. */
export function* mediaOf(request: CompletionRequest): Generator<MediaBlock> {
  for (const turn of request.turns) {
    for (const block of turn.blocks) {
      if (block.type === 'media') yield* withInner(block);
      else if (block.type === 'result') for (const inner of block.blocks) yield* withInner(inner);
    }
  }
}

function* withInner(block: Content): Generator<MediaBlock> {
  if (block.type !== 'media') return;
  yield block;
  if (block.source.type === 'blocks') for (const inner of block.source.blocks) yield* withInner(inner);
}

/** The same request with other blocks in the place of some media. */
export function replaceMedia(
  request: CompletionRequest,
  replacements: ReadonlyMap<MediaBlock, MediaBlock>,
): CompletionRequest {
  const content = (block: Content): Content => {
    if (block.type !== 'media') return block;
    const replaced = replacements.get(block) ?? block;
    const { source } = replaced;
    if (source.type !== 'blocks') return replaced;
    return { ...replaced, source: { type: 'blocks', blocks: source.blocks.map(content) } };
  };
  const blockOf = (block: Block): Block => {
    if (block.type === 'media') return content(block) as MediaBlock; // media only become media
    return block.type === 'result' ? { ...block, blocks: block.blocks.map(content) } : block;
  };
  const turns: Turn[] = request.turns.map(turn => ({ ...turn, blocks: turn.blocks.map(blockOf) }));
  return { ...request, turns };
}
