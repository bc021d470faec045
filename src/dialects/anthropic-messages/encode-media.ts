import type { LossLedger } from '../../completion/loss.ts';
import type { MediaSupport } from '../../completion/profile.ts';
import type { MediaBlock, MediaSource, TextBlock } from '../../completion/request.ts';
import { checkMedia } from '../media-support.ts';
import { unsupported } from '../wire-values.ts';
import { plainText } from '../write-json.ts';

/** One image or document block. */
export function encodeMedia(block: MediaBlock, support: MediaSupport, losses: LossLedger): unknown {
  const { path } = block;
  if (block.kind === 'audio') throw unsupported(path, 'this dialect has no audio.');
  checkMedia(block, support);
  if (block.kind === 'image') {
    if (block.detail !== undefined && block.detail !== 'auto') losses.dropped('image-detail-unsupported', path);
    return { type: 'image', source: encodeSource(block.source, path) };
  }
  if (block.foundAt !== undefined && block.source.type === 'blocks') return searchResult(block, block.source);
  return {
    type: 'document',
    source: encodeSource(block.source, path),
    title: block.name,
    context: block.context,
    citations: block.citations === true ? { enabled: true } : undefined,
  };
}

function searchResult(block: MediaBlock, source: MediaSource & { type: 'blocks' }): unknown {
  return {
    type: 'search_result',
    source: block.foundAt,
    title: block.name ?? '',
    content: source.blocks.flatMap(inner => encodeInside(inner, block.path)),
    citations: block.citations === true ? { enabled: true } : undefined,
  };
}

function encodeSource(source: MediaSource, path: string): unknown {
  switch (source.type) {
    case 'base64':
      return { type: 'base64', media_type: source.mediaType, data: plainText('', source.data) };
    case 'url':
      return { type: 'url', url: source.url };
    case 'text':
      return { type: 'text', media_type: 'text/plain', data: source.text };
    case 'blocks':
      return { type: 'content', content: source.blocks.flatMap(inner => encodeInside(inner, path)) };
    case 'file':
      throw unsupported(path);
  }
}

function encodeInside(block: TextBlock | MediaBlock, path: string): unknown[] {
  if (block.type === 'media') return [{ type: 'image', source: encodeSource(block.source, path) }];
  return block.text.trim() === '' ? [] : [{ type: 'text', text: block.text }];
}
