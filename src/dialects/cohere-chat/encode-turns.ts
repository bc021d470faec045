import type { LossLedger } from '../../completion/loss.ts';
import type { LossCode } from '../../completion/loss-codes.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { Block, CallBlock, MediaBlock, ResultBlock, TextBlock, Turn } from '../../completion/request.ts';
import { encodeParts, resultDocument, textPart, type WirePart } from './encode-media.ts';
import { encodeThinking } from './reasoning.ts';

export function encodeTurns(turns: readonly Turn[], profile: DialectProfile, losses: LossLedger): unknown[] {
  const encoder = new TurnEncoder(profile, losses);
  for (const turn of turns) encoder.add(turn);
  return encoder.finish();
}

/** Tools return text, and assistants say text: images of either stand in a user message. Between a call and its results
 *  nothing else may stand, so they wait for the next user message, or for the end of the results. */
class TurnEncoder {
  readonly #profile: DialectProfile;
  readonly #losses: LossLedger;
  readonly #messages: unknown[] = [];
  #system: WirePart[] = [];
  #moved: WirePart[] = [];

  constructor(profile: DialectProfile, losses: LossLedger) {
    this.#profile = profile;
    this.#losses = losses;
  }

  add(turn: Turn): void {
    if (turn.role === 'system') {
      for (const block of turn.blocks) if (isText(block)) this.#system.push(textPart(block.text));
      return;
    }
    this.#endSystem();
    if (turn.role === 'assistant') this.#addAssistant(turn);
    else this.#addUser(turn);
  }

  finish(): unknown[] {
    this.#endSystem();
    this.#flush();
    return this.#messages;
  }

  /** One message has all instructions: a second one would not be the first in the list. */
  #endSystem(): void {
    if (this.#system.length === 0) return;
    this.#messages.push({ role: 'system', content: shortest(this.#system) });
    this.#system = [];
  }

  #addUser(turn: Turn): void {
    const results = turn.blocks.filter(isResult);
    const contents = turn.blocks.filter(isContent);
    const isMixed = turn.blocks.findLastIndex(isResult) > turn.blocks.findIndex(isContent);
    if (results.length > 0 && contents.length > 0 && isMixed) this.#losses.moved('tool-result-moved', turn.path);
    for (const result of results) this.#addResult(result, turn.path);
    if (contents.length === 0 && results.length > 0) return;
    this.#messages.push({ role: 'user', content: shortest(this.#take(contents)) });
  }

  /** This dialect has no mark for a failed call: its text says so instead. */
  #addResult(result: ResultBlock, path: string): void {
    const id = result.callId;
    const parts: WirePart[] = [];
    const moved: MediaBlock[] = [];
    for (const block of result.blocks) {
      if (block.type === 'text') {
        if (block.text !== '') parts.push(textPart(block.text));
      } else if (block.kind === 'document' && block.source.type === 'text') {
        if (block.citations === true) this.#losses.dropped('citations-unsupported', `${block.path}.citations`);
        parts.push(resultDocument(block, block.source.text));
      } else moved.push(block);
    }
    if (moved.length > 0) this.#moveMedia(moved, `Returned by tool call ${id}:`, 'tool-result-media-moved');
    if (parts.length === 0 && moved.length === 0) this.#losses.approximated('tool-result-empty', path);
    if (parts.length === 0) parts.push(textPart(moved.length > 0 ? attachedBelow : nothingReturned));
    if (result.isError) {
      this.#losses.approximated('tool-error-as-text', path);
      const [first] = parts;
      if (parts.length === 1 && first!.type === 'text') parts[0] = textPart(`Error: ${String(first!['text'])}`);
      else parts.unshift(textPart('Error:'));
    }
    this.#messages.push({ role: 'tool', tool_call_id: id, content: shortest(parts) });
  }

  /** "text content is not allowed when tool_calls are provided": what is said before calls is their plan
   *  (https://github.com/vercel/ai/issues/5794, 2025-04). */
  #addAssistant(turn: Turn): void {
    this.#flush();
    const texts = turn.blocks.filter(isText);
    const media = turn.blocks.filter(isMedia);
    const calls = turn.blocks.filter(block => block.type === 'call');
    const isMixed = turn.blocks.findLastIndex(isText) > turn.blocks.findIndex(block => block.type === 'call');
    if (isMixed && calls.length > 0) this.#losses.moved('text-after-call-moved', turn.path);
    if (media.length > 0) this.#moveMedia(media, 'Shown by the assistant:', 'assistant-media-moved');
    const thinking = encodeThinking(turn.blocks, this.#losses);
    const said = texts.map(({ text }) => text).join('\n');
    if (calls.length === 0) {
      const parts = [...(thinking as readonly WirePart[]), ...texts.map(({ text }) => textPart(text))];
      // What a turn was may be thinking that is not taken back.
      if (parts.length === 0) this.#losses.dropped('empty-message-unsupported', turn.path);
      else this.#messages.push({ role: 'assistant', content: shortest(parts) });
      return;
    }
    if (texts.length > 1) this.#losses.approximated('texts-joined', turn.path);
    this.#messages.push({
      role: 'assistant',
      content: thinking.length === 0 ? undefined : thinking,
      tool_plan: said === '' ? undefined : said,
      tool_calls: calls.map(encodeCall),
    });
  }

  #moveMedia(media: readonly MediaBlock[], head: string, code: LossCode): void {
    this.#moved.push(textPart(head));
    for (const block of media) {
      this.#losses.moved(code, block.path);
      this.#moved.push(...encodeParts(block, this.#profile.media, this.#losses));
    }
  }

  /** What waits, then the blocks. */
  #take(blocks: readonly (TextBlock | MediaBlock)[]): WirePart[] {
    const own = blocks.flatMap(block => encodeParts(block, this.#profile.media, this.#losses));
    const parts = [...this.#moved, ...own];
    this.#moved = [];
    return parts;
  }

  #flush(): void {
    if (this.#moved.length > 0) this.#messages.push({ role: 'user', content: this.#take([]) });
  }
}

function encodeCall({ id, name, argumentsText }: CallBlock): unknown {
  return { id, type: 'function', function: { name, arguments: argumentsText === '' ? '{}' : argumentsText } };
}

/** A message may not be empty here. */
const attachedBelow = 'The result is in the next user message.';
const nothingReturned = 'The tool returned nothing.';

/** One text goes as a string. */
function shortest(parts: readonly WirePart[]): unknown {
  const [first] = parts;
  return parts.length === 1 && first!.type === 'text' ? first!['text'] : parts;
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
