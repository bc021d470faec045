import type { LossLedger } from '../../completion/loss.ts';
import type { LossCode } from '../../completion/loss-codes.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type {
  Block,
  CacheMark,
  CallBlock,
  MediaBlock,
  ResultBlock,
  TextBlock,
  Turn,
} from '../../completion/request.ts';
import { encodeCacheMark } from './cache.ts';
import { encodeParts, textPart, type WirePart } from './encode-media.ts';
import { encodeReasoningBlocks } from './reasoning.ts';

export function encodeTurns(turns: readonly Turn[], profile: DialectProfile, losses: LossLedger): unknown[] {
  const encoder = new TurnEncoder(profile, losses);
  for (const turn of turns) encoder.add(turn);
  return encoder.finish();
}

/** Media of a tool's result and of the assistant stand in a user message here. Between a call and its results nothing else
 *  may stand, so such media wait for the next user message, or for the end of the results. */
class TurnEncoder {
  readonly #profile: DialectProfile;
  readonly #losses: LossLedger;
  readonly #messages: unknown[] = [];
  #moved: WirePart[] = [];

  constructor(profile: DialectProfile, losses: LossLedger) {
    this.#profile = profile;
    this.#losses = losses;
  }

  add(turn: Turn): void {
    if (turn.role === 'assistant') this.#addAssistant(turn);
    else if (turn.role === 'system') this.#addSystem(turn);
    else this.#addUser(turn);
  }

  finish(): unknown[] {
    this.#flush();
    return this.#messages;
  }

  #addSystem(turn: Turn): void {
    this.#flush();
    this.#messages.push({ role: 'system', content: encodeTexts(turn.blocks.filter(isText)) });
  }

  #addUser(turn: Turn): void {
    const results = turn.blocks.filter(isResult);
    const contents = turn.blocks.filter(isContent);
    const isMixed = turn.blocks.findLastIndex(isResult) > turn.blocks.findIndex(isContent);
    if (results.length > 0 && contents.length > 0 && isMixed) this.#losses.moved('tool-result-moved', turn.path);
    for (const result of results) this.#addResult(result, turn.path);
    if (contents.length === 0 && results.length > 0) return;
    const parts = this.#take(contents);
    this.#messages.push({ role: 'user', content: shortest(parts) });
  }

  /** This dialect has no mark for a failed call: its text says so instead. */
  #addResult(result: ResultBlock, path: string): void {
    const media = result.blocks.filter(isMedia);
    const id = result.callId;
    if (media.length > 0) this.#moveMedia(media, `Returned by tool call ${id}:`, 'tool-result-media-moved');
    if (result.isError) this.#losses.approximated('tool-error-as-text', path);
    const texts = result.blocks.filter(isText);
    const content = texts.length === 0 && media.length > 0 ? attachedBelow : encodeTexts(texts);
    const failed = typeof content === 'string' ? `Error: ${content}` : [textPart('Error:'), ...content];
    const told = markedContent(result.isError ? failed : content, result.cache);
    this.#messages.push({ role: 'tool', tool_call_id: id, content: told });
  }

  #addAssistant(turn: Turn): void {
    this.#flush();
    const texts = turn.blocks.filter(isText);
    const media = turn.blocks.filter(isMedia);
    const calls = turn.blocks.filter(block => block.type === 'call');
    const isMixed = turn.blocks.findLastIndex(isText) > turn.blocks.findIndex(block => block.type === 'call');
    if (isMixed && calls.length > 0) this.#losses.moved('text-after-call-moved', turn.path);
    if (media.length > 0) this.#moveMedia(media, 'Shown by the assistant:', 'assistant-media-moved');
    const { parts, ...reasoning } = encodeReasoningBlocks(turn.blocks, this.#losses);
    const content = texts.length === 0 ? (calls.length === 0 ? '' : null) : encodeTexts(texts);
    this.#messages.push({
      role: 'assistant',
      content: parts.length === 0 ? content : [...parts, ...texts.map(encodeText)],
      ...reasoning,
      tool_calls: calls.length === 0 ? undefined : calls.map(encodeCall),
    });
  }

  #moveMedia(media: readonly MediaBlock[], head: string, code: LossCode): void {
    this.#moved.push(textPart(head));
    for (const block of media) {
      this.#losses.moved(code, block.path);
      this.#moved.push(...this.#encode(block));
    }
  }

  /** What waits, then the blocks. */
  #take(blocks: readonly (TextBlock | MediaBlock)[]): WirePart[] {
    const parts = [...this.#moved, ...blocks.flatMap(block => this.#encode(block))];
    this.#moved = [];
    return parts;
  }

  /** A mark stands on the last of the parts that a block becomes. */
  #encode(block: TextBlock | MediaBlock): readonly WirePart[] {
    return marked(encodeParts(block, this.#profile.media, this.#losses), block.cache);
  }

  #flush(): void {
    if (this.#moved.length > 0) this.#messages.push({ role: 'user', content: this.#take([]) });
  }
}

function encodeCall({ id, name, argumentsText, custom }: CallBlock): unknown {
  if (custom === true) return { id, type: 'custom', custom: { name, input: argumentsText } };
  return { id, type: 'function', function: { name, arguments: argumentsText === '' ? '{}' : argumentsText } };
}

/** A result needs a content, and clients of this dialect take an empty one for none. */
const attachedBelow = 'The result is in the next user message.';

/** One text goes as a string, which every host of this dialect takes. */
function encodeTexts(texts: readonly TextBlock[]): string | readonly WirePart[] {
  return shortest(texts.map(encodeText));
}

function shortest(parts: readonly WirePart[]): string | readonly WirePart[] {
  if (parts.length === 0) return '';
  const [first] = parts;
  // The cast is true: a part of type text was made with a text.
  return parts.length === 1 && isPlainText(first!) ? (first!['text'] as string) : parts;
}

function isPlainText(part: WirePart): boolean {
  return part.type === 'text' && part['prompt_cache_breakpoint'] === undefined;
}

function encodeText({ text, cache }: TextBlock): WirePart {
  return marked([textPart(text)], cache)[0]!;
}

function marked(parts: readonly WirePart[], cache: CacheMark | undefined): readonly WirePart[] {
  const last = parts.at(-1);
  if (cache === undefined || last === undefined) return parts;
  return [...parts.slice(0, -1), { ...last, prompt_cache_breakpoint: encodeCacheMark(cache) }];
}

function markedContent(
  content: string | readonly WirePart[],
  cache: CacheMark | undefined,
): string | readonly WirePart[] {
  if (cache === undefined) return content;
  return marked(typeof content === 'string' ? [textPart(content)] : content, cache);
}

function isText(block: Block): block is TextBlock {
  return block.type === 'text';
}

function isMedia(block: Block): block is MediaBlock {
  return block.type === 'media';
}

function isContent(block: Block): block is TextBlock | MediaBlock {
  return block.type === 'text' || block.type === 'media';
}

function isResult(block: Block): block is ResultBlock {
  return block.type === 'result';
}
