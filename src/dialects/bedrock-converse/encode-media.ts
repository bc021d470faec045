import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { MediaBlock, MediaSource } from '../../completion/request.ts';
import { checkMedia } from '../media-support.ts';
import { unsupported } from '../wire-values.ts';
import { plainText } from '../write-json.ts';

/** Writes images, documents and audio of one request, whose documents have a name each. */
export class MediaEncoder {
  readonly #profile: DialectProfile;
  readonly #losses: LossLedger;
  readonly #names = new Set<string>();

  constructor(profile: DialectProfile, losses: LossLedger) {
    this.#profile = profile;
    this.#losses = losses;
  }

  /** The blocks that one becomes. */
  encode(block: MediaBlock): readonly unknown[] {
    checkMedia(block, this.#profile.media);
    switch (block.kind) {
      case 'image':
        return [this.#image(block)];
      case 'audio':
        return [audio(block)];
      case 'document':
        return this.#document(block);
    }
  }

  #image(block: MediaBlock): unknown {
    const { source, path, detail } = block;
    if (detail !== undefined && detail !== 'auto') this.#losses.dropped('image-detail-unsupported', path);
    if (source.type !== 'base64') throw unsupported(path);
    return {
      image: { format: source.mediaType.slice('image/'.length), source: { bytes: plainText('', source.data) } },
    };
  }

  #document(block: MediaBlock): readonly unknown[] {
    const { source, foundAt, path } = block;
    const citations = block.citations === true ? { enabled: true } : undefined;
    if (foundAt !== undefined && source.type === 'blocks') {
      const content = source.blocks.map(inner => {
        if (inner.type !== 'text') throw unsupported(path, 'a search result is made of texts here.');
        return { text: inner.text };
      });
      if (this.#profile.converse?.searchResults === true) {
        return [{ searchResult: { source: foundAt, title: block.name ?? '', content, citations } }];
      }
      this.#losses.approximated('search-result-as-text', path);
      return [
        { text: `Title: ${block.name ?? ''}\nSource: ${foundAt}` },
        ...content.filter(({ text }) => isSaid(text)),
      ];
    }
    const { format, source: wire } = documentSource(source, path);
    const name = this.#nameOf(block);
    return [{ document: { format, name, source: wire, context: block.context, citations } }];
  }

  /** Few letters are allowed, and each name once ("Duplicate document names found in the request",
   *  https://github.com/aws-samples/bedrock-chat/issues/517, 2026-11). */
  #nameOf({ name, path }: MediaBlock): string {
    const asked = name ?? 'document';
    const fitting = fittingName(asked);
    let unique = fitting;
    for (let again = 2; this.#names.has(unique); again += 1) unique = `${fitting} (${again})`;
    this.#names.add(unique);
    if (name !== undefined && unique !== name) this.#losses.approximated('document-name-changed', path);
    return unique;
  }
}

const nameLettersMax = 200;
/** Room for a number behind it. */
const fittingLettersMax = nameLettersMax - 8;

/** Letters, digits, single spaces, hyphens, parentheses and square brackets. */
function fittingName(name: string): string {
  if (/^[A-Za-z0-9\-()[\]]+(?: [A-Za-z0-9\-()[\]]+)*$/.test(name) && name.length <= fittingLettersMax) return name;
  const kept = name
    .replace(/[^A-Za-z0-9\-()[\]]+/g, ' ')
    .trim()
    .slice(0, fittingLettersMax)
    .trimEnd();
  return kept === '' ? 'document' : kept;
}

interface WrittenSource {
  readonly format: string;
  readonly source: unknown;
}

function documentSource(source: MediaSource, path: string): WrittenSource {
  switch (source.type) {
    case 'base64':
      return { format: 'pdf', source: { bytes: plainText('', source.data) } };
    case 'text':
      return { format: 'txt', source: { bytes: Buffer.from(source.text).toString('base64') } };
    case 'blocks': {
      const content = source.blocks.map(inner => {
        if (inner.type !== 'text') throw unsupported(path, 'a document made of blocks has texts only here.');
        return { text: inner.text };
      });
      return { format: 'txt', source: { content: content.filter(({ text }) => isSaid(text)) } };
    }
    default:
      throw unsupported(path);
  }
}

function isSaid(text: string): boolean {
  return text.trim() !== '';
}

function audio({ source, path }: MediaBlock): unknown {
  if (source.type !== 'base64') throw unsupported(path);
  const format = source.mediaType === 'audio/wav' ? 'wav' : 'mp3';
  return { audio: { format, source: { bytes: plainText('', source.data) } } };
}
