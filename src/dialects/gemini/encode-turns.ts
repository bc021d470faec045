import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { Block, CallBlock, MediaBlock, ReasoningBlock, ResultBlock, Turn } from '../../completion/request.ts';
import { checkMedia } from '../media-support.ts';
import { declareLost, encodeFile, encodeParts, type WireSaid } from './encode-media.ts';
import { type OwnSignature, readSignature, signatureBypass } from './signatures.ts';
import { argumentsObject, wrapResult } from './tool-response.ts';

export interface WireContent {
  readonly role: 'user' | 'model';
  readonly parts: readonly unknown[];
}

/** Turns come in the API's order; lowering has paired calls with results and merged turns. `insists`: the model takes no call
 *  of the turn that is under way without a signature. */
export function encodeTurns(
  turns: readonly Turn[],
  profile: DialectProfile,
  insists: boolean,
  losses: LossLedger,
): readonly WireContent[] {
  const encoder = new TurnEncoder(profile, losses);
  const contents: WrittenContent[] = [];
  for (const turn of turns) {
    const parts = [...encoder.parts(turn)];
    const role = turn.role === 'assistant' ? 'model' : 'user';
    const last = contents.at(-1);
    // What a turn was may be reasoning that this API does not take back; the turns beside it are of one role then.
    if (parts.length === 0) losses.dropped('empty-message-unsupported', turn.path);
    else if (last?.role === role) last.parts.push(...parts);
    else contents.push({ role, parts, path: turn.path });
  }
  if (insists) bypassSignatures(contents, losses);
  return contents.map(({ role, parts }) => ({ role, parts }));
}

interface WrittenContent {
  readonly role: WireContent['role'];
  readonly parts: WirePart[];
  readonly path: string;
}

interface WirePart extends WireSaid {
  readonly thought?: boolean;
  readonly functionCall?: unknown;
  readonly functionResponse?: unknown;
  readonly thoughtSignature?: string | undefined;
}

/** The turn under way began when the user last said something; where results stand it goes on, whatever is said beside them.
 *  Of calls at once the first has the signature. */
function bypassSignatures(contents: readonly WrittenContent[], losses: LossLedger): void {
  const from = contents.findLastIndex(
    ({ role, parts }) => role === 'user' && parts.every(part => part.functionResponse === undefined),
  );
  for (const { role, parts, path } of contents.slice(from + 1)) {
    const at = role === 'model' ? parts.findIndex(part => part.functionCall !== undefined) : -1;
    if (at === -1 || parts[at]!.thoughtSignature !== undefined) continue;
    parts[at] = { ...parts[at], thoughtSignature: signatureBypass };
    losses.approximated('reasoning-state-bypassed', path);
  }
}

class TurnEncoder {
  readonly #profile: DialectProfile;
  readonly #losses: LossLedger;
  /** Names of calls: results repeat them. */
  readonly #names = new Map<string, string>();

  constructor(profile: DialectProfile, losses: LossLedger) {
    this.#profile = profile;
    this.#losses = losses;
  }

  parts(turn: Turn): readonly WirePart[] {
    if (turn.role === 'assistant') return this.#modelParts(turn);
    const results = turn.blocks.filter(isResult);
    // Results stand first and together, as many as there were calls.
    const answers = results.map(result => this.#result(result));
    const moved = results.flatMap(result => this.#movedMedia(result));
    const rest = turn.blocks.filter(block => block.type !== 'result').flatMap(block => this.#said(block));
    return [...answers, ...moved, ...rest];
  }

  #said(block: Block): readonly WirePart[] {
    if (block.type !== 'text' && block.type !== 'media') return [];
    return encodeParts(block, this.#profile.media, this.#losses);
  }

  #modelParts(turn: Turn): readonly WirePart[] {
    const signatures = signaturesOf(turn);
    const parts: WirePart[] = [];
    let calls = 0;
    for (const block of turn.blocks) {
      if (block.type === 'reasoning') parts.push(...this.#thought(block));
      else if (block.type === 'call') {
        parts.push(this.#call(block, turn.path, signatures.get(calls)));
        calls += 1;
      } else parts.push(...this.#said(block));
    }
    return parts;
  }

  /** What only the signature of a call stands for goes with the call. Thoughts without a signature are not taken back. */
  #thought(block: ReasoningBlock): readonly WirePart[] {
    const own = readSignature(block);
    if (own === undefined) {
      if (block.text !== '') this.#losses.dropped('reasoning-history-unsupported', block.path);
      return [];
    }
    const { of, signature } = own;
    if (of === 'call') return [];
    if (of === 'text') return [{ text: '', thoughtSignature: signature }];
    return [{ text: block.text, thought: true, thoughtSignature: signature }];
  }

  #call({ id, name, argumentsText }: CallBlock, path: string, signature: string | undefined): WirePart {
    this.#names.set(id, name);
    const args = argumentsObject(argumentsText, path, this.#losses);
    return { functionCall: { id: this.#sentId(id), name, args }, thoughtSignature: signature };
  }

  #result({ callId, blocks, isError }: ResultBlock): WirePart {
    const texts = blocks.flatMap(block => (block.type === 'text' ? [block.text] : []));
    const media = this.#inResults ? blocks.filter(isFile) : [];
    const told = media.map(block => this.#file(block));
    for (const { context, path } of media) {
      if (context === undefined) continue;
      this.#losses.approximated('document-context-as-text', `${path}.context`);
      texts.push(`Context: ${context}`);
    }
    return {
      functionResponse: {
        id: this.#sentId(callId),
        name: this.#names.get(callId) ?? callId,
        response: wrapResult(writtenIn(blocks, texts), isError),
        parts: told.length === 0 ? undefined : told,
      },
    };
  }

  #file(block: MediaBlock): unknown {
    checkMedia(block, this.#profile.media);
    declareLost(block, this.#losses);
    return encodeFile(block, block.name);
  }

  get #inResults(): boolean {
    return this.#profile.media.inResults !== false;
  }

  /** Media that results cannot hold stand behind all of them. */
  #movedMedia({ callId, blocks }: ResultBlock): readonly WirePart[] {
    const media = blocks.filter(block => block.type === 'media');
    const moved = this.#inResults ? media.filter(block => !isFile(block)) : media;
    if (moved.length === 0) return [];
    const name = this.#names.get(callId) ?? callId;
    return [
      { text: `Returned by the call of ${name}:` },
      ...moved.flatMap(block => {
        this.#losses.moved('tool-result-media-moved', block.path);
        return encodeParts(block, this.#profile.media, this.#losses);
      }),
    ];
  }

  #sentId(id: string): string | undefined {
    return this.#profile.callIds.unknown === true ? undefined : id;
  }
}

/** By the place of the call in the turn. */
function signaturesOf(turn: Turn): ReadonlyMap<number, string> {
  const signatures = new Map<number, string>();
  for (const block of turn.blocks) {
    const own: OwnSignature | undefined = block.type === 'reasoning' ? readSignature(block) : undefined;
    if (own?.of === 'call') signatures.set(own.call, own.signature);
  }
  return signatures;
}

function isResult(block: Block): block is ResultBlock {
  return block.type === 'result';
}

/** Documents of text or of blocks are none. */
function isFile(block: ResultBlock['blocks'][number]): block is MediaBlock {
  return block.type === 'media' && (block.source.type === 'base64' || block.source.type === 'url');
}

function writtenIn(blocks: ResultBlock['blocks'], texts: readonly string[]): readonly string[] {
  return texts.length === 0 && blocks.length > 0 ? [attached] : texts;
}

/** A result of files alone says so: an empty one would be none. */
const attached = 'The result is attached.';
