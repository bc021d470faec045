import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type {
  Block,
  CallBlock,
  MediaBlock,
  ReasoningBlock,
  ResultBlock,
  TextBlock,
  Turn,
} from '../../completion/request.ts';
import { encodeParts, marked, textPart, type WirePart } from './encode-media.ts';

export function encodeTurns(turns: readonly Turn[], profile: DialectProfile, losses: LossLedger): unknown[] {
  const encoder = new ItemEncoder(profile, losses);
  for (const turn of turns) encoder.add(turn);
  return encoder.finish();
}

/** Media of the assistant stand in a user message here; between a call and its output nothing else may stand, so they wait for
 *  the next user message, or for the end of the outputs. */
class ItemEncoder {
  readonly #profile: DialectProfile;
  readonly #losses: LossLedger;
  readonly #items: unknown[] = [];
  #moved: WirePart[] = [];
  /** Of calls whose arguments are free text. */
  readonly #customIds = new Set<string>();

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
    return this.#items;
  }

  #addSystem(turn: Turn): void {
    this.#flush();
    this.#message('system', this.#parts(turn.blocks.filter(isContent)));
  }

  #addUser(turn: Turn): void {
    const results = turn.blocks.filter(block => block.type === 'result');
    const contents = turn.blocks.filter(isContent);
    const isMixed = turn.blocks.findLastIndex(block => block.type === 'result') > turn.blocks.findIndex(isContent);
    if (results.length > 0 && contents.length > 0 && isMixed) this.#losses.moved('tool-result-moved', turn.path);
    for (const result of results) this.#addResult(result, turn.path);
    if (contents.length === 0 && results.length > 0) return;
    const parts = [...this.#moved, ...this.#parts(contents)];
    this.#moved = [];
    this.#message('user', parts);
  }

  /** This dialect has no mark for a failed call: its text says so instead. */
  #addResult(result: ResultBlock, path: string): void {
    const { callId, isError, cache } = result;
    if (isError) this.#losses.approximated('tool-error-as-text', path);
    const parts = marked(this.#parts(result.blocks), cache);
    const output = shortest(parts);
    const failed = typeof output === 'string' ? `Error: ${output}` : [textPart('Error:'), ...output];
    this.#items.push({
      type: this.#customIds.has(callId) ? 'custom_tool_call_output' : 'function_call_output',
      call_id: callId,
      output: isError ? failed : output,
    });
  }

  /** Items stand in the order in which the model made them. */
  #addAssistant(turn: Turn): void {
    this.#flush();
    let texts: TextBlock[] = [];
    const say = (): void => {
      if (texts.length > 0) this.#items.push(encodeSaid(texts, turn.path, this.#losses));
      texts = [];
    };
    for (const block of turn.blocks) {
      if (block.type === 'text') {
        texts.push(block);
        continue;
      }
      if (block.type === 'media') {
        this.#moveMedia(block);
        continue;
      }
      say();
      if (block.type === 'reasoning') this.#items.push(...encodeReasoning(block, this.#losses));
      else if (block.type === 'call') this.#items.push(this.#call(block));
    }
    say();
    if (turn.blocks.length === 0) this.#items.push({ type: 'message', role: 'assistant', content: '' });
  }

  #call({ id, name, argumentsText, custom, namespace }: CallBlock): unknown {
    if (custom !== true) {
      const text = argumentsText === '' ? '{}' : argumentsText;
      return { type: 'function_call', call_id: id, name, namespace, arguments: text };
    }
    this.#customIds.add(id);
    return { type: 'custom_tool_call', call_id: id, name, namespace, input: argumentsText };
  }

  #moveMedia(block: MediaBlock): void {
    if (this.#moved.length === 0) this.#moved.push(textPart('Shown by the assistant:'));
    this.#losses.moved('assistant-media-moved', block.path);
    this.#moved.push(...encodeParts(block, this.#profile.media, this.#losses));
  }

  #parts(blocks: readonly (TextBlock | MediaBlock)[]): readonly WirePart[] {
    return blocks.flatMap(block => encodeParts(block, this.#profile.media, this.#losses));
  }

  #message(role: 'system' | 'user', parts: readonly WirePart[]): void {
    this.#items.push({ type: 'message', role, content: shortest(parts) });
  }

  #flush(): void {
    if (this.#moved.length === 0) return;
    const parts = this.#moved;
    this.#moved = [];
    this.#message('user', parts);
  }
}

/** One text goes as a string. */
function shortest(parts: readonly WirePart[]): string | readonly WirePart[] {
  const [only] = parts;
  if (only === undefined) return '';
  const isPlain = parts.length === 1 && only.type === 'input_text' && only['prompt_cache_breakpoint'] === undefined;
  // The cast is true: a part of this type was made with a text.
  return isPlain ? (only['text'] as string) : parts;
}

/** What the assistant said takes no marks. */
function encodeSaid(texts: readonly TextBlock[], path: string, losses: LossLedger): unknown {
  if (texts.some(({ cache }) => cache !== undefined)) losses.dropped('cache-mark-unsupported', path);
  const [only] = texts;
  const content = texts.length === 1 ? only!.text : texts.map(({ text }) => ({ type: 'output_text', text }));
  return { type: 'message', role: 'assistant', content };
}

/** Only its maker can read it, and it is nothing without its state. Ids are not sent: they would name what is stored. */
function encodeReasoning({ state, text, path }: ReasoningBlock, losses: LossLedger): readonly unknown[] {
  if (state === undefined) {
    if (text !== '') losses.dropped('reasoning-history-unsupported', path);
    return [];
  }
  const summary = text === '' ? [] : [{ type: 'summary_text', text }];
  return [{ type: 'reasoning', summary, encrypted_content: state }];
}

function isContent(block: Block): block is TextBlock | MediaBlock {
  return block.type === 'text' || block.type === 'media';
}
