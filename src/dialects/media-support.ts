import { Fault } from '../completion/fault.ts';
import type { MediaSupport } from '../completion/profile.ts';
import type { MediaBlock, MediaSource } from '../completion/request.ts';
import { unsupported } from './wire-values.ts';

/** Refuses what a provider cannot be given, by the name of the part. What is left can be written by the encoder. */
export function checkMedia(block: MediaBlock, support: MediaSupport): void {
  const { kind, source, path } = block;
  if (kind === 'audio') return;
  const takes = kind === 'image' ? support.images : support.documents;
  if (source.type === 'text' || source.type === 'blocks') return;
  if (source.type === 'file') {
    throw unsupported(path, 'a file stored at one provider cannot be given to another; send the file itself.');
  }
  if (takes === 'none') throw unsupported(path, `the provider takes no ${kind}s.`);
  if (source.type === 'url' && takes === 'bytes') throw notFetched(path);
}

/** Does the provider need the bytes of what the client names by its address? */
export function needsBytes(block: MediaBlock, support: MediaSupport): boolean {
  if (block.source.type !== 'url') return false;
  return (block.kind === 'image' ? support.images : support.documents) === 'bytes';
}

function notFetched(path: string): Fault {
  const message = `${path} is given by URL, and the provider takes bytes only. The key may not have it fetched; send it inline.`;
  return new Fault('media_fetch_refused', message, { parameter: path });
}

/** Of a document that is no file: the texts and images it is made of, in order. */
export function isWritten(source: MediaSource): source is MediaSource & { type: 'text' | 'blocks' } {
  return source.type === 'text' || source.type === 'blocks';
}
