import type { LossLedger } from '../../completion/loss.ts';
import type { MediaSupport } from '../../completion/profile.ts';
import type { MediaBlock, MediaSource, TextBlock } from '../../completion/request.ts';
import { checkMedia, isWritten } from '../media-support.ts';
import { pdfType } from '../media-type.ts';
import { unsupported } from '../wire-values.ts';
import { plainText } from '../write-json.ts';
import { typeByEnding } from './decode-media.ts';

/** A text or a file as a part. */
export interface WireSaid extends WireFile {
  readonly text?: string;
}

/** A file as a part holds it: inline, or by its address. */
export interface WireFile {
  readonly inlineData?: unknown;
  readonly fileData?: unknown;
}

/** The parts that a block becomes. A document has no name here, and none of what is said about it: both stand before it. */
export function encodeParts(
  block: TextBlock | MediaBlock,
  support: MediaSupport,
  losses: LossLedger,
): readonly WireSaid[] {
  if (block.type === 'text') return block.text === '' ? [] : [{ text: block.text }];
  checkMedia(block, support);
  declareLost(block, losses);
  const head = headOf(block);
  const before = head === undefined ? [] : [{ text: head }];
  if (!isWritten(block.source)) {
    if (block.name !== undefined) losses.approximated('document-name-as-text', block.path);
    if (block.context !== undefined) losses.approximated('document-context-as-text', block.path);
    return [...before, encodeFile(block)];
  }
  losses.approximated(block.foundAt === undefined ? 'document-as-text' : 'search-result-as-text', block.path);
  const { source } = block;
  if (source.type === 'text') return [...before, ...(source.text === '' ? [] : [{ text: source.text }])];
  return [...before, ...source.blocks.flatMap(inner => encodeParts(inner, support, losses))];
}

export function declareLost({ detail, citations, path }: MediaBlock, losses: LossLedger): void {
  if (detail !== undefined && detail !== 'auto') losses.dropped('image-detail-unsupported', path);
  if (citations === true) losses.dropped('citations-unsupported', `${path}.citations`);
}

/** In one form always, so that a prompt that is sent again is the same. */
function headOf({ name, foundAt, context }: MediaBlock): string | undefined {
  const lines = [
    name === undefined ? undefined : `Title: ${name}`,
    foundAt === undefined ? undefined : `Source: ${foundAt}`,
    context === undefined ? undefined : `Context: ${context}`,
  ].filter(line => line !== undefined);
  return lines.length === 0 ? undefined : lines.join('\n');
}

/** Of media that are a file. The type of one at an address is what its ending says, else the commonest of its kind: the API
 *  wants one. `displayName`: only files in results have one (@google/genai 3.1, FunctionResponseBlob, 2026-11). */
export function encodeFile({ kind, source, path }: MediaBlock, displayName?: string): WireFile {
  if (source.type === 'url') {
    const mimeType = typeByEnding(source.url) ?? (kind === 'image' ? 'image/jpeg' : pdfType);
    return { fileData: { mimeType, fileUri: source.url, displayName } };
  }
  if (source.type !== 'base64') throw unsupported(path);
  return { inlineData: { mimeType: typeOf(source), data: plainText('', source.data), displayName } };
}

/** The API's own word for MP3 (https://ai.google.dev/gemini-api/docs/audio#supported-formats, 2026-11). */
function typeOf({ mediaType }: MediaSource & { type: 'base64' }): string {
  return mediaType === 'audio/mpeg' ? 'audio/mp3' : mediaType;
}
