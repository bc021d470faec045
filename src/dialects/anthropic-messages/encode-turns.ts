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

/** Turns of one role in a row become one message: the results of parallel calls belong into one user message. */
export function encodeTurns(turns: readonly Turn[], profile: DialectProfile, losses: LossLedger): WireMessage[] {
  const messages: { role: Turn['role']; blocks: unknown[]; hasText: boolean }[] = [];
  for (const turn of turns) {
    const last = messages.at(-1);
    const message = last?.role === turn.role ? last : { role: turn.role, blocks: [], hasText: false };
    const results: unknown[] = [];
    const others: unknown[] = [];
    for (const block of turn.blocks) {
      if (block.type === 'result') results.push(encodeResult(block, profile, losses));
      else if (block.type === 'call') others.push(encodeCall(block, turn.path, losses));
      else if (block.type === 'text') others.push(...encodeTexts([block], turn, losses));
      else if (block.type === 'reasoning') others.push(...encodeReasoningBlock(block, losses));
      else if (block.type === 'media' && turn.role === 'user')
        others.push(marked(encodeMedia(block, profile.media, losses), block.cache));
      else throw unsupported(turn.path);
    }
    if (results.length > 0 && (message.hasText || isMixed(turn))) losses.moved('tool-result-moved', turn.path);
    if (results.length > 0) message.blocks.splice(leadingResults(message.blocks), 0, ...results);
    message.blocks.push(...others);
    message.hasText ||= others.length > 0;
    if (message.blocks.length === 0) losses.dropped('empty-message-unsupported', turn.path);
    else if (message !== last) messages.push(message);
  }
  return messages.map(({ role, blocks }) => ({ role, content: shortest(blocks) }));
}

/** Does a result stand after something else? */
function isMixed(turn: Turn): boolean {
  const firstOther = turn.blocks.findIndex(block => block.type !== 'result');
  return firstOther !== -1 && turn.blocks.findLastIndex(block => block.type === 'result') > firstOther;
}

function leadingResults(blocks: readonly unknown[]): number {
  const other = blocks.findIndex(block => !isRecord(block) || block['type'] !== 'tool_result');
  return other === -1 ? blocks.length : other;
}

/** Empty texts say nothing and are refused by the API, blank ones as well. */
export function encodeTexts(texts: readonly TextBlock[], turn: Turn, losses: LossLedger): unknown[] {
  return texts.flatMap(({ text, cache }) => {
    if (text.trim() !== '') return [{ type: 'text', text, cache_control: encodeCacheMark(cache) }];
    if (text !== '') losses.dropped('blank-text-unsupported', turn.path);
    return [];
  });
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
