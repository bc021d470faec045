import type { LossLedger } from '../../completion/loss.ts';
import type { MediaSupport } from '../../completion/profile.ts';
import type { CacheMark, MediaBlock, MediaSource, TextBlock } from '../../completion/request.ts';
import { checkMedia, isWritten } from '../media-support.ts';
import { encodeCacheMark } from '../openai-chat/cache.ts';
import { unsupported } from '../wire-values.ts';
import { plainText } from '../write-json.ts';

export interface WirePart {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The parts that a block of somebody else than the assistant becomes. A mark stands on the last of them. */
export function encodeParts(
  block: TextBlock | MediaBlock,
  support: MediaSupport,
  losses: LossLedger,
): readonly WirePart[] {
  return marked(encodeUnmarked(block, support, losses), block.cache);
}

export function marked(parts: readonly WirePart[], cache: CacheMark | undefined): readonly WirePart[] {
  const last = parts.at(-1);
  if (cache === undefined || last === undefined) return parts;
  return [...parts.slice(0, -1), { ...last, prompt_cache_breakpoint: encodeCacheMark(cache) }];
}

export function textPart(text: string): WirePart {
  return { type: 'input_text', text };
}

function encodeUnmarked(block: TextBlock | MediaBlock, support: MediaSupport, losses: LossLedger): readonly WirePart[] {
  if (block.type === 'text') return [textPart(block.text)];
  checkMedia(block, support);
  if (block.kind === 'audio') throw unsupported(block.path, 'the API takes no audio.');
  if (block.kind === 'image') return [imagePart(block)];
  if (block.citations === true) losses.dropped('citations-unsupported', `${block.path}.citations`);
  if (isWritten(block.source)) return writtenDocument(block, block.source, support, losses);
  const { context } = block;
  if (context !== undefined) losses.approximated('document-context-as-text', `${block.path}.context`);
  const file = filePart(block);
  return context === undefined ? [file] : [textPart(context), file];
}

function imagePart({ source, detail, path }: MediaBlock): WirePart {
  return { type: 'input_image', image_url: addressOf(source, path), detail: detail ?? 'auto' };
}

function addressOf(source: MediaSource, path: string): unknown {
  if (source.type === 'url') return source.url;
  if (source.type === 'base64') return plainText(`data:${source.mediaType};base64,`, source.data);
  throw unsupported(path);
}

function filePart({ source, name, path }: MediaBlock): WirePart {
  if (source.type === 'url') return { type: 'input_file', file_url: source.url, filename: name };
  return { type: 'input_file', filename: fileName(name), file_data: addressOf(source, path) };
}

/** The API goes by the ending of the name (https://platform.openai.com/docs/guides/pdf-files, 2026-11). */
function fileName(name: string | undefined): string {
  if (name === undefined) return 'document.pdf';
  return /\.pdf$/i.test(name) ? name : `${name}.pdf`;
}

/** A document of text is said as text: what names it stands before it, in one form always, so that a prompt that is sent again
 *  is the same. */
function writtenDocument(
  block: MediaBlock,
  source: MediaSource & { type: 'text' | 'blocks' },
  support: MediaSupport,
  losses: LossLedger,
): readonly WirePart[] {
  losses.approximated(block.foundAt === undefined ? 'document-as-text' : 'search-result-as-text', block.path);
  const inside =
    source.type === 'text'
      ? [textPart(source.text)]
      : source.blocks.flatMap(inner => encodeUnmarked(inner, support, losses));
  const head = [
    block.name === undefined ? undefined : `Title: ${block.name}`,
    block.foundAt === undefined ? undefined : `Source: ${block.foundAt}`,
    block.context === undefined ? undefined : `Context: ${block.context}`,
  ].filter(line => line !== undefined);
  return head.length === 0 ? inside : [textPart(head.join('\n')), ...inside];
}
