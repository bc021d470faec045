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

/** The parts that a block of a user's message becomes: text and images in the order of the client. */
export function encodeParts(
  block: TextBlock | MediaBlock,
  support: MediaSupport,
  losses: LossLedger,
): readonly WirePart[] {
  if (block.type === 'text') return [textPart(block.text)];
  if (block.kind === 'audio') throw unsupported(block.path, 'this dialect has no audio.');
  checkMedia(block, support);
  if (block.kind === 'image') return [imagePart(block, losses)];
  if (block.citations === true) losses.dropped('citations-unsupported', `${block.path}.citations`);
  if (!isWritten(block.source)) throw unsupported(block.path);
  return writtenDocument(block, block.source, support, losses);
}

export function textPart(text: string): WirePart {
  return { type: 'text', text };
}

function imagePart({ source, detail, path }: MediaBlock, losses: LossLedger): WirePart {
  const url = addressOf(source, path);
  if (detail !== 'original') return { type: 'image_url', image_url: { url, detail } };
  losses.dropped('image-detail-unsupported', path);
  return { type: 'image_url', image_url: { url, detail: 'high' } };
}

function addressOf(source: MediaSource, path: string): unknown {
  if (source.type === 'url') return source.url;
  if (source.type === 'base64') return plainText(`data:${source.mediaType};base64,`, source.data);
  throw unsupported(path);
}

/** A document of text is said as text: documents of this API belong to the request as a whole, would be cited, and exclude a
 *  form of the answer. What names it stands before it, in one form always, so that a prompt that is sent again is the same. */
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
  const head = headOf(block);
  return head === '' ? inside : [textPart(head), ...inside];
}

function headOf({ name, foundAt, context }: MediaBlock): string {
  return [
    name === undefined ? undefined : `Title: ${name}`,
    foundAt === undefined ? undefined : `Source: ${foundAt}`,
    context === undefined ? undefined : `Context: ${context}`,
  ]
    .filter(line => line !== undefined)
    .join('\n');
}

/** A document of plain text that a tool returned is one here too. */
export function resultDocument({ name, foundAt, context }: MediaBlock, text: string): WirePart {
  return { type: 'document', document: { data: { title: name, url: foundAt, context, text } } };
}
