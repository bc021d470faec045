import type { LossLedger } from '../../completion/loss.ts';
import type { MediaSupport } from '../../completion/profile.ts';
import type { MediaBlock, MediaSource, TextBlock } from '../../completion/request.ts';
import { checkMedia, isWritten } from '../media-support.ts';
import { unsupported } from '../wire-values.ts';
import { plainText } from '../write-json.ts';

export interface WirePart {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The parts that a block becomes: text and media in the order of the client. */
export function encodeParts(
  block: TextBlock | MediaBlock,
  support: MediaSupport,
  losses: LossLedger,
): readonly WirePart[] {
  if (block.type === 'text') return [textPart(block.text)];
  checkMedia(block, support);
  if (block.kind === 'image') return [imagePart(block)];
  if (block.kind === 'audio') return [audioPart(block)];
  if (block.citations === true) losses.dropped('citations-unsupported', `${block.path}.citations`);
  if (isWritten(block.source)) return writtenDocument(block, block.source, support, losses);
  const { context } = block;
  if (context !== undefined) losses.approximated('document-context-as-text', `${block.path}.context`);
  const file = filePart(block, support);
  return context === undefined ? [file] : [textPart(context), file];
}

export function textPart(text: string): WirePart {
  return { type: 'text', text };
}

function imagePart({ source, detail, path }: MediaBlock): WirePart {
  return { type: 'image_url', image_url: { url: addressOf(source, path), detail } };
}

function addressOf(source: MediaSource, path: string): unknown {
  if (source.type === 'url') return source.url;
  if (source.type === 'base64') return plainText(`data:${source.mediaType};base64,`, source.data);
  throw unsupported(path);
}

function filePart({ source, name, path }: MediaBlock, support: MediaSupport): WirePart {
  if (support.documentPart === 'document_url') {
    return { type: 'document_url', document_url: addressOf(source, path), document_name: name };
  }
  return { type: 'file', file: { filename: fileName(name), file_data: addressOf(source, path) } };
}

/** The API goes by the ending of the name (https://platform.openai.com/docs/guides/pdf-files, 2026-11). */
function fileName(name: string | undefined): string {
  if (name === undefined) return 'document.pdf';
  return /\.pdf$/i.test(name) ? name : `${name}.pdf`;
}

function audioPart({ source, path }: MediaBlock): WirePart {
  if (source.type !== 'base64') throw unsupported(path);
  const format = source.mediaType === 'audio/wav' ? 'wav' : 'mp3';
  return { type: 'input_audio', input_audio: { data: plainText('', source.data), format } };
}

/** A document of text is said as text: files of this API are PDFs. What names it stands before it, in one form always,
 *  so that a prompt that is sent again is the same. */
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
      : source.blocks.flatMap(inner => encodeParts(inner, support, losses));
  const head = [
    block.name === undefined ? undefined : `Title: ${block.name}`,
    block.foundAt === undefined ? undefined : `Source: ${block.foundAt}`,
    block.context === undefined ? undefined : `Context: ${block.context}`,
  ].filter(line => line !== undefined);
  return head.length === 0 ? inside : [textPart(head.join('\n')), ...inside];
}
