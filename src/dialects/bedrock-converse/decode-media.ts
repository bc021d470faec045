import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { MediaBlock, MediaSource, TextBlock } from '../../completion/request.ts';
import { checkBase64, verifyMedia } from '../inline-media.ts';
import {
  FieldRules,
  optionalFlag,
  optionalString,
  read,
  readFilledString,
  readList,
  readRecord,
  readString,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { readMember } from './union.ts';

/** Blocks that are no text (@aws-sdk/client-bedrock-runtime 3.1162, models_0.d.ts, 2026-11). */
export const mediaBlocks = ['image', 'document', 'audio', 'video', 'searchResult'] as const;
export type MediaName = (typeof mediaBlocks)[number];

const imageFields = new FieldRules({ format: read, source: read, error: refused() });
const documentFields = new FieldRules({ format: read, name: read, source: read, context: read, citations: read });
const audioFields = new FieldRules({ format: read, source: read, error: refused() });
const searchFields = new FieldRules({ source: read, title: read, content: read, citations: read });
const citationFields = new FieldRules({ enabled: read });
const textFields = new FieldRules({ text: read });

const imageFormats: ReadonlyMap<string, string> = new Map([
  ['png', 'image/png'],
  ['jpeg', 'image/jpeg'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
]);
const documentFormats: ReadonlyMap<string, string> = new Map([
  ['pdf', 'application/pdf'],
  ['txt', 'text/plain'],
  ['md', 'text/markdown'],
  ['html', 'text/html'],
  ['csv', 'text/csv'],
]);
const audioFormats: ReadonlyMap<string, string> = new Map([
  ['wav', 'audio/wav'],
  ['mp3', 'audio/mpeg'],
]);

/** `path`: of the block. */
export function decodeMedia(name: MediaName, value: unknown, path: string, losses: LossLedger): MediaBlock {
  const inside = `${path}.${name}`;
  switch (name) {
    case 'image':
      return { ...decodeImage(value, inside, losses), path };
    case 'document':
      return { ...decodeDocument(value, inside, losses), path };
    case 'audio':
      return { ...decodeAudio(value, inside, losses), path };
    case 'searchResult':
      return { ...decodeSearchResult(value, inside, losses), path };
    case 'video':
      throw unsupported(inside, 'video cannot be carried to another dialect.');
  }
}

type Decoded = Omit<MediaBlock, 'path'>;

function decodeImage(value: unknown, path: string, losses: LossLedger): Decoded {
  const image = readRecord(value, path);
  imageFields.check(image, path, losses);
  const mediaType = formatOf(image, path, imageFormats);
  const { data, path: at } = bytesOf(image, path, new Set(['bytes']));
  const verified = verifyMedia({ mediaType, data, path: at }, losses);
  if (verified.kind === 'image') return { type: 'media', kind: 'image', source: verified.source };
  throw new Fault('parameter_invalid', `${at} is no image, in a block of one.`, { parameter: at });
}

function decodeAudio(value: unknown, path: string, losses: LossLedger): Decoded {
  const audio = readRecord(value, path);
  audioFields.check(audio, path, losses);
  const mediaType = formatOf(audio, path, audioFormats);
  const { data, path: at } = bytesOf(audio, path, new Set(['bytes']));
  checkBase64(data, at);
  return { type: 'media', kind: 'audio', source: { type: 'base64', mediaType, data } };
}

/** Objects in S3 are of the caller's account at AWS, and no other provider can read them. */
function bytesOf(block: WireRecord, path: string, known: ReadonlySet<string>): { data: string; path: string } {
  const source = readMember(block['source'], `${path}.source`, known);
  return { data: readString(source.value, source.path), path: source.path };
}

function formatOf(block: WireRecord, path: string, formats: ReadonlyMap<string, string>): string {
  const format = readFilledString(block['format'], `${path}.format`);
  const mediaType = formats.get(format);
  if (mediaType !== undefined) return mediaType;
  throw unsupported(`${path}.format`, `files of format ${format.slice(0, 20)} cannot be carried to another dialect.`);
}

const documentSources = new Set(['bytes', 'text', 'content']);

function decodeDocument(value: unknown, path: string, losses: LossLedger): Decoded {
  const document = readRecord(value, path);
  documentFields.check(document, path, losses);
  const context = optionalString(document['context'], `${path}.context`);
  return {
    type: 'media',
    kind: 'document',
    source: documentSource(document, path, losses),
    name: readFilledString(document['name'], `${path}.name`),
    ...(context === undefined || context === '' ? undefined : { context }),
    ...readCitations(document['citations'], `${path}.citations`, losses),
  };
}

function documentSource(document: WireRecord, path: string, losses: LossLedger): MediaSource {
  const source = readMember(document['source'], `${path}.source`, documentSources);
  if (source.name === 'text') return { type: 'text', text: readString(source.value, source.path) };
  if (source.name === 'content') return { type: 'blocks', blocks: decodeTexts(source.value, source.path, losses) };
  const mediaType = formatOf(document, path, documentFormats);
  const data = readString(source.value, source.path);
  const verified = verifyMedia({ mediaType, data, path: source.path }, losses);
  if (verified.kind === 'document') return verified.source;
  throw new Fault('parameter_invalid', `${source.path} is an image, in a block of a document.`, {
    parameter: source.path,
  });
}

/** What a search of the client's own found, given to the model to cite. */
function decodeSearchResult(value: unknown, path: string, losses: LossLedger): Decoded {
  const result = readRecord(value, path);
  searchFields.check(result, path, losses);
  return {
    type: 'media',
    kind: 'document',
    source: { type: 'blocks', blocks: decodeTexts(result['content'], `${path}.content`, losses) },
    name: readString(result['title'], `${path}.title`),
    foundAt: readString(result['source'], `${path}.source`),
    ...readCitations(result['citations'], `${path}.citations`, losses),
  };
}

/** Of documents and of what cites them: texts only. */
export function decodeTexts(value: unknown, path: string, losses: LossLedger): TextBlock[] {
  return readList(value, path).map((entry, index) => {
    const at = `${path}.${index}`;
    const part = readRecord(entry, at);
    textFields.check(part, at, losses);
    return { type: 'text', text: readString(part['text'], `${at}.text`) };
  });
}

function readCitations(value: unknown, path: string, losses: LossLedger): { readonly citations?: boolean } {
  if (value === undefined || value === null) return {};
  const record = readRecord(value, path);
  citationFields.check(record, path, losses);
  return optionalFlag(record['enabled'], `${path}.enabled`) === true ? { citations: true } : {};
}
