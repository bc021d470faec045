import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type {
  Block,
  CacheMark,
  CallBlock,
  ReasoningBlock,
  ResultBlock,
  TextBlock,
  Turn,
} from '../../completion/request.ts';
import { parseBounded } from '../exact-json.ts';
import { isRecord, unsupported } from '../wire-values.ts';
import { encodeCachePoint } from './cache.ts';
import { MediaEncoder } from './encode-media.ts';

export interface WireMessage {
  readonly role: Turn['role'];
  readonly content: unknown[];
}

/** Instructions before the conversation. */
export function encodeSystem(turns: readonly Turn[]): unknown[] {
  return turns.flatMap(({ blocks }) => blocks.flatMap(block => (isText(block) ? encodeText(block) : [])));
}

/** Turns come in the API's order; lowering has paired calls with results, merged turns and left out blank texts. */
export function encodeTurns(turns: readonly Turn[], profile: DialectProfile, losses: LossLedger): WireMessage[] {
  const encoder = new TurnEncoder(profile, losses);
  const messages: WireMessage[] = [];
  for (const turn of turns) {
    const content = encoder.encode(turn);
    // What a turn was may be reasoning that this API does not take back; the turns beside it are of one role then.
    const last = messages.at(-1);
    if (content.length === 0) losses.dropped('empty-message-unsupported', turn.path);
    else if (last?.role === turn.role) last.content.push(...content);
    else messages.push({ role: turn.role, content });
  }
  return messages;
}

class TurnEncoder {
  readonly #profile: DialectProfile;
  readonly #losses: LossLedger;
  readonly #media: MediaEncoder;

  constructor(profile: DialectProfile, losses: LossLedger) {
    this.#profile = profile;
    this.#losses = losses;
    this.#media = new MediaEncoder(profile, losses);
  }

  encode(turn: Turn): unknown[] {
    const content = turn.blocks.flatMap(block => marked(this.#block(block, turn), markOf(block)));
    // "If you include a document, you must also include a text" (API_runtime_ContentBlock, 2026-11).
    const hasDocument = turn.blocks.some(block => block.type === 'media' && block.kind === 'document');
    if (!hasDocument || content.some(block => isRecord(block) && typeof block['text'] === 'string')) return content;
    this.#losses.approximated('document-text-added', turn.path);
    return [...content, { text: 'See the document.' }];
  }

  #block(block: Block, turn: Turn): readonly unknown[] {
    switch (block.type) {
      case 'text':
        return [{ text: block.text }];
      case 'call':
        return [this.#call(block, turn.path)];
      case 'result':
        return [this.#result(block, turn.path)];
      case 'reasoning':
        return this.#reasoning(block);
      case 'media':
        if (turn.role !== 'user') throw unsupported(turn.path);
        return this.#media.encode(block);
    }
  }

  #call(call: CallBlock, path: string): unknown {
    return { toolUse: { toolUseId: call.id, name: call.name, input: this.#arguments(call, path) } };
  }

  /** Arguments that are no object travel wrapped, as Claude's own documentation advises
   *  (https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming, 2026-11). */
  #arguments(call: CallBlock, path: string): unknown {
    if (call.argumentsText.trim() === '') return {};
    try {
      const parsed = parseBounded(call.argumentsText);
      if (isRecord(parsed)) return parsed;
    } catch {
      // The model wrote no JSON; the next one may see that.
    }
    this.#losses.approximated('arguments-wrapped', path);
    return { INVALID_JSON: call.argumentsText };
  }

  /** Points of a cache stand behind results, not inside: a mark on the last of what one holds is one of the result. */
  #result(result: ResultBlock, path: string): unknown {
    const content: unknown[] = [];
    result.blocks.forEach((block, index) => {
      const isLast = index === result.blocks.length - 1;
      if (block.cache !== undefined && !(isLast && result.cache === undefined)) {
        this.#losses.dropped('cache-mark-unsupported', `${path}.content`);
      }
      if (block.type === 'media') content.push(...this.#media.encode(block));
      else if (block.text.trim() !== '') content.push({ text: block.text });
    });
    const hasStatus = this.#profile.converse?.resultStatus === true;
    if (result.isError && !hasStatus) {
      this.#losses.approximated('tool-error-as-text', path);
      content.unshift({ text: 'Error:' });
    }
    const status = result.isError && hasStatus ? 'error' : undefined;
    return { toolResult: { toolUseId: result.callId, content, status } };
  }

  /** Thinking without its signature is refused by Claude, and of no use to others. */
  #reasoning({ state, text, redacted, path }: ReasoningBlock): readonly unknown[] {
    if (state === undefined) {
      if (text !== '') this.#losses.dropped('reasoning-history-unsupported', path);
      return [];
    }
    if (redacted) return [{ reasoningContent: { redactedContent: state } }];
    return [{ reasoningContent: { reasoningText: { text, signature: state } } }];
  }
}

function encodeText({ text, cache }: TextBlock): readonly unknown[] {
  return marked([{ text }], cache);
}

function marked(blocks: readonly unknown[], cache: CacheMark | undefined): readonly unknown[] {
  return cache === undefined || blocks.length === 0 ? blocks : [...blocks, encodeCachePoint(cache)];
}

function markOf(block: Block): CacheMark | undefined {
  if (block.type === 'reasoning') return undefined;
  return block.cache ?? (block.type === 'result' ? block.blocks.at(-1)?.cache : undefined);
}

function isText(block: Block): block is TextBlock {
  return block.type === 'text';
}
