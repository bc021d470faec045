import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { MediaBlock, MediaSource, TextBlock } from '../../completion/request.ts';
import { readMediaUrl, verifyMedia } from '../inline-media.ts';
import {
  FieldRules,
  optionalFlag,
  optionalString,
  read,
  readFilledString,
  readList,
  readRecord,
  readString,
  type WireRecord,
} from '../wire-values.ts';

/** Blocks that are images or documents (@anthropic-ai/sdk 1.11, messages.ts, 2026-11). */
export const mediaBlockTypes: ReadonlySet<string> = new Set(['image', 'document', 'search_result']);

const imageFields = new FieldRules({ type: read, source: read, cache_control: read });
const documentFields = new FieldRules({
  type: read,
  source: read,
  title: read,
  context: read,
  citations: read,
  cache_control: read,
});
const searchResultFields = new FieldRules({
  type: read,
  source: read,
  title: read,
  content: read,
  citations: read,
  cache_control: read,
});
const citationFields = new FieldRules({ enabled: read });
const sourceFields: Readonly<Record<string, FieldRules>> = {
  base64: new FieldRules({ type: read, media_type: read, data: read }),
  text: new FieldRules({ type: read, media_type: read, data: read }),
  url: new FieldRules({ type: read, url: read }),
  file: new FieldRules({ type: read, file_id: read }),
  content: new FieldRules({ type: read, content: read }),
};

/** Reads the blocks inside a document, which are texts and images. */
export type DecodeInside = (content: unknown, path: string) => (TextBlock | MediaBlock)[];

export function decodeMedia(
  block: WireRecord,
  type: string,
  path: string,
  losses: LossLedger,
  decodeInside: DecodeInside,
): MediaBlock {
  switch (type) {
    case 'image':
      imageFields.check(block, path, losses);
      return { type: 'media', kind: 'image', source: imageSource(block['source'], `${path}.source`, losses), path };
    case 'document':
      return decodeDocument(block, path, losses, decodeInside);
    default:
      return decodeSearchResult(block, path, losses, decodeInside);
  }
}

function imageSource(value: unknown, path: string, losses: LossLedger): MediaSource {
  const source = readSource(value, path, ['base64', 'url', 'file'], losses);
  if (source['type'] === 'base64') return inlineSource(source, path, 'image', losses);
  return namedSource(source, path);
}

function decodeDocument(block: WireRecord, path: string, losses: LossLedger, decodeInside: DecodeInside): MediaBlock {
  documentFields.check(block, path, losses);
  const at = `${path}.source`;
  const source = readSource(block['source'], at, ['base64', 'text', 'content', 'url', 'file'], losses);
  return {
    type: 'media',
    kind: 'document',
    source: documentSource(source, at, losses, decodeInside),
    ...said('name', optionalString(block['title'], `${path}.title`)),
    ...said('context', optionalString(block['context'], `${path}.context`)),
    ...readCitations(block['citations'], `${path}.citations`, losses),
    path,
  };
}

function documentSource(source: WireRecord, path: string, losses: LossLedger, decodeInside: DecodeInside): MediaSource {
  switch (source['type']) {
    case 'base64':
      return inlineSource(source, path, 'document', losses);
    case 'text':
      return { type: 'text', text: readString(source['data'], `${path}.data`) };
    case 'content':
      return { type: 'blocks', blocks: insideOf(source['content'], `${path}.content`, decodeInside) };
    default:
      return namedSource(source, path);
  }
}

/** What a search of the client's own found, given to the model to cite. */
function decodeSearchResult(
  block: WireRecord,
  path: string,
  losses: LossLedger,
  decodeInside: DecodeInside,
): MediaBlock {
  searchResultFields.check(block, path, losses);
  const at = `${path}.content`;
  return {
    type: 'media',
    kind: 'document',
    source: { type: 'blocks', blocks: insideOf(readList(block['content'], at), at, decodeInside) },
    name: readString(block['title'], `${path}.title`),
    foundAt: readString(block['source'], `${path}.source`),
    ...readCitations(block['citations'], `${path}.citations`, losses),
    path,
  };
}

function insideOf(content: unknown, path: string, decodeInside: DecodeInside): (TextBlock | MediaBlock)[] {
  const blocks = decodeInside(content, path);
  for (const block of blocks) {
    if (block.type === 'text' || block.kind === 'image') continue;
    throw new Fault('parameter_invalid', `${block.path} is a document inside a document.`, { parameter: block.path });
  }
  return blocks;
}

function readSource(value: unknown, path: string, types: readonly string[], losses: LossLedger): WireRecord {
  const source = readRecord(value, path);
  const type = readString(source['type'], `${path}.type`);
  if (!types.includes(type)) {
    const message = `${path}.type must be one of ${types.join(', ')}.`;
    throw new Fault('parameter_invalid', message, { parameter: `${path}.type` });
  }
  sourceFields[type]!.check(source, path, losses);
  return source;
}

function inlineSource(source: WireRecord, path: string, kind: 'image' | 'document', losses: LossLedger): MediaSource {
  const mediaType = readFilledString(source['media_type'], `${path}.media_type`);
  const data = readString(source['data'], `${path}.data`);
  const verified = verifyMedia({ mediaType, data, path: `${path}.data` }, losses);
  if (verified.kind === kind && verified.source.type === 'base64') return verified.source;
  const is = verified.kind === 'image' ? 'an image' : 'no image';
  throw new Fault('parameter_invalid', `${path}.data is ${is}, in a block of type ${kind}.`, {
    parameter: `${path}.data`,
  });
}

function namedSource(source: WireRecord, path: string): MediaSource {
  if (source['type'] === 'url') {
    return { type: 'url', url: readMediaUrl(readString(source['url'], `${path}.url`), `${path}.url`) };
  }
  const id = readFilledString(source['file_id'], `${path}.file_id`);
  return { type: 'file', dialect: 'anthropic-messages', id };
}

function readCitations(value: unknown, path: string, losses: LossLedger): { readonly citations?: boolean } {
  if (value === undefined || value === null) return {};
  const record = readRecord(value, path);
  citationFields.check(record, path, losses);
  return optionalFlag(record['enabled'], `${path}.enabled`) === true ? { citations: true } : {};
}

function said<Name extends string>(name: Name, value: string | undefined): Partial<Record<Name, string>> {
  // The cast is true: a computed key is of the type of its name.
  return value === undefined || value === '' ? {} : ({ [name]: value } as Record<Name, string>);
}
