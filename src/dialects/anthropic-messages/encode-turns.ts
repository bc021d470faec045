import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { Block, CacheMark, CallBlock, ResultBlock, TextBlock, Turn } from '../../completion/request.ts';
import { parseBounded } from '../exact-json.ts';
import { isRecord, unsupported } from '../wire-values.ts';
import { encodeCacheMark } from './cache.ts';
import { encodeMedia } from './encode-media.ts';
import { encodeReasoningBlock } from './reasoning.ts';

interface WireMessage {
  readonly role: string;
  content: unknown;
}

/** Turns come in the API's order; lowering has paired calls with results, merged turns and left out blank texts. */
export function encodeTurns(turns: readonly Turn[], profile: DialectProfile, losses: LossLedger): WireMessage[] {
  const messages: { readonly role: Turn['role']; readonly blocks: unknown[] }[] = [];
  for (const turn of turns) {
    const blocks: unknown[] = [];
    for (const block of turn.blocks) encodeBlock(block, turn, blocks, profile, losses);
    // What a turn was may be reasoning that this API does not take back; the turns beside it are of one role then.
    const last = messages.at(-1);
    if (blocks.length === 0) losses.dropped('empty-message-unsupported', turn.path);
    else if (last?.role === turn.role) last.blocks.push(...blocks);
    else messages.push({ role: turn.role, blocks });
  }
  return messages.map(({ role, blocks }) => ({ role, content: shortest(blocks) }));
}

function encodeBlock(
  block: Block,
  turn: Turn,
  into: unknown[],
  profile: DialectProfile,
  losses: LossLedger,
): undefined {
  switch (block.type) {
    case 'text':
      into.push(encodeText(block));
      return;
    case 'result':
      into.push(encodeResult(block, profile, losses));
      return;
    case 'call':
      into.push(encodeCall(block, turn.path, losses));
      return;
    case 'reasoning':
      into.push(...encodeReasoningBlock(block, losses));
      return;
    case 'media':
      if (turn.role !== 'user') throw unsupported(turn.path);
      into.push(marked(encodeMedia(block, profile.media, losses), block.cache));
  }
}

export function encodeText({ text, cache }: TextBlock): unknown {
  return cache === undefined ? { type: 'text', text } : { type: 'text', text, cache_control: encodeCacheMark(cache) };
}

/** One text goes as a string. */
export function shortest(blocks: readonly unknown[]): unknown {
  const [first] = blocks;
  if (blocks.length !== 1 || !isRecord(first) || first['type'] !== 'text') return blocks;
  return first['cache_control'] === undefined ? first['text'] : blocks;
}

function encodeCall(call: CallBlock, path: string, losses: LossLedger): unknown {
  const { id, name, cache } = call;
  return {
    type: 'tool_use',
    id,
    name,
    input: argumentsObject(call, path, losses),
    cache_control: encodeCacheMark(cache),
  };
}

/** Arguments that are no object travel wrapped, as the API's own documentation advises
 *  (https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming, 2026-11). */
function argumentsObject(call: CallBlock, path: string, losses: LossLedger): unknown {
  if (call.argumentsText.trim() === '') return {};
  try {
    const parsed = parseBounded(call.argumentsText);
    if (isRecord(parsed)) return parsed;
  } catch {
    // The model wrote no JSON; the next one may see that.
  }
  losses.approximated('arguments-wrapped', path);
  return { INVALID_JSON: call.argumentsText };
}

function encodeResult(result: ResultBlock, profile: DialectProfile, losses: LossLedger): unknown {
  const content = result.blocks.flatMap(block => {
    if (block.type === 'media') return [marked(encodeMedia(block, profile.media, losses), block.cache)];
    return block.text === '' ? [] : [{ type: 'text', text: block.text, cache_control: encodeCacheMark(block.cache) }];
  });
  return {
    type: 'tool_result',
    tool_use_id: result.callId,
    content: content.length === 0 ? undefined : shortest(content),
    is_error: result.isError ? true : undefined,
    cache_control: encodeCacheMark(result.cache),
  };
}

/** An encoded block of the client with its mark. */
function marked(block: unknown, cache: CacheMark | undefined): unknown {
  return cache === undefined || !isRecord(block) ? block : { ...block, cache_control: encodeCacheMark(cache) };
}

export function isText(block: Block): block is TextBlock {
  return block.type === 'text';
}
