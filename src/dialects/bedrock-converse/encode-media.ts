import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { MediaBlock, MediaSource, TextBlock } from '../../completion/request.ts';
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
    const { source, foundAt } = block;
    const citations = block.citations === true ? { enabled: true } : undefined;
    const isFound = foundAt !== undefined && source.type === 'blocks';
    const texts = source.type === 'blocks' ? textsOf(source.blocks) : undefined;
    // Bytes there must be some.
    if (source.type === 'text' && source.text === '') return this.#written(block, []);
    const isSearchResult = isFound && this.#profile.converse?.searchResults === true;
    if (source.type === 'blocks' && (texts === undefined || (isFound && !isSearchResult))) {
      return this.#written(block, source.blocks);
    }
    if (isSearchResult) {
      return [{ searchResult: { source: foundAt, title: block.name ?? '', content: texts, citations } }];
    }
    const { format, source: wire } = documentSource(source, texts, block.path);
    const name = this.#nameOf(block);
    return [{ document: { format, name, source: wire, context: block.context, citations } }];
  }

  /** A document that has images in it, or was found where the model knows no search results, is said in its parts; what names
   *  it stands before them, in one form always, so that a prompt that is sent again is the same. */
  #written(
    { name, context, foundAt, path, citations }: MediaBlock,
    parts: readonly (TextBlock | MediaBlock)[],
  ): unknown[] {
    this.#losses.approximated(foundAt === undefined ? 'document-as-text' : 'search-result-as-text', path);
    if (citations === true) this.#losses.dropped('citations-unsupported', `${path}.citations`);
    const head = [
      name === undefined ? undefined : `Title: ${name}`,
      foundAt === undefined ? undefined : `Source: ${foundAt}`,
      context === undefined ? undefined : `Context: ${context}`,
    ].filter(line => line !== undefined);
    const inside = parts.flatMap(part => {
      if (part.type === 'media') return this.encode(part);
      return part.text.trim() === '' ? [] : [{ text: part.text }];
    });
    return head.length === 0 ? inside : [{ text: head.join('\n') }, ...inside];
  }

  /** Few letters are allowed, and each name once ("Duplicate document names found in the request",
   *  https://github.com/aws-samples/bedrock-chat/issues/517, 2026-11). */
  #nameOf({ name, path }: MediaBlock): string {
    const asked = name ?? 'document';
    const fitting = fittingName(asked);
    let unique = fitting;
    for (let again = 2; this.#names.has(unique); again += 1) unique = `${fitting} (${again})`;
    this.#names.add(unique);
    // A dot before the ending is not worth a word.
    if (name !== undefined && unique !== name.replaceAll('.', ' '))
      this.#losses.approximated('document-name-changed', path);
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

function documentSource(source: MediaSource, texts: readonly WireText[] | undefined, path: string): WrittenSource {
  if (texts !== undefined) return { format: 'txt', source: { content: texts } };
  switch (source.type) {
    case 'base64':
      return { format: 'pdf', source: { bytes: plainText('', source.data) } };
    case 'text':
      return { format: 'txt', source: { bytes: Buffer.from(source.text).toString('base64') } };
    default:
      throw unsupported(path);
  }
}

interface WireText {
  readonly text: string;
}

/** undefined unless all are texts, and one of them says something. */
function textsOf(blocks: readonly (TextBlock | MediaBlock)[]): readonly WireText[] | undefined {
  const texts = blocks.flatMap(block =>
    block.type === 'text' && block.text.trim() !== '' ? [{ text: block.text }] : [],
  );
  return texts.length > 0 && blocks.every(({ type }) => type === 'text') ? texts : undefined;
}

function audio({ source, path }: MediaBlock): unknown {
  if (source.type !== 'base64') throw unsupported(path);
  const format = source.mediaType === 'audio/wav' ? 'wav' : 'mp3';
  return { audio: { format, source: { bytes: plainText('', source.data) } } };
}
