import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { MediaBlock, TextBlock } from '../../completion/request.ts';
import { isDataUrl, parseDataUrl } from '../data-url.ts';
import { readMediaUrl, verifyMedia } from '../inline-media.ts';
import {
  FieldRules,
  optionalString,
  read,
  readFilledList,
  readRecord,
  readString,
  type WireRecord,
} from '../wire-values.ts';

/** Images in messages, and documents, which are texts with fields (cohere-ai 8.1.0, ImageContent.d.ts, Document.d.ts,
 *  2026-11). */

const imageFields = new FieldRules({ type: read, image_url: read });
const imageUrlFields = new FieldRules({ url: read, detail: read });

export function decodeImage(part: WireRecord, path: string, losses: LossLedger): MediaBlock {
  imageFields.check(part, path, losses);
  const at = `${path}.image_url`;
  const image = readRecord(part['image_url'], at);
  imageUrlFields.check(image, at, losses);
  const detail = readDetail(image['detail'], `${at}.detail`);
  const told = { ...(detail === undefined ? undefined : { detail }), path };
  const url = readString(image['url'], `${at}.url`);
  if (!isDataUrl(url)) {
    return { type: 'media', kind: 'image', source: { type: 'url', url: readMediaUrl(url, `${at}.url`) }, ...told };
  }
  const parsed = parseDataUrl(url);
  if (parsed === undefined) {
    throw invalid(`${at}.url`, 'must be a data: URL with a media type, `;base64,` and data');
  }
  const verified = verifyMedia({ mediaType: parsed.mediaType, data: parsed.base64, path: `${at}.url` }, losses);
  if (verified.kind !== 'image') throw invalid(`${at}.url`, 'is no image by its first bytes');
  return { type: 'media', kind: 'image', source: verified.source, ...told };
}

const details = ['auto', 'low', 'high'] as const;

function readDetail(value: unknown, path: string): MediaBlock['detail'] {
  const text = optionalString(value, path)?.toLowerCase();
  const detail = details.find(known => known === text);
  if (text === undefined || detail !== undefined) return detail;
  throw invalid(path, `must be one of ${details.join(', ')}`);
}

const documentFields = new FieldRules({ id: read, data: read });

/** Documents of the request, each a text or fields that the model reads. */
export function decodeDocuments(value: unknown, losses: LossLedger): readonly MediaBlock[] {
  if (value === undefined || value === null) return [];
  return readFilledList(value, 'documents').map((entry, index) => {
    const path = `documents.${index}`;
    if (typeof entry === 'string') return textDocument(entry, undefined, path);
    const { text, title, id } = readDocument(entry, path, losses);
    return textDocument(text, title ?? id, path);
  });
}

function textDocument(text: string, name: string | undefined, path: string): MediaBlock {
  const told = name === undefined || name === '' ? { path } : { name, path };
  return { type: 'media', kind: 'document', source: { type: 'text', text }, ...told };
}

const partFields = new FieldRules({ type: read, document: read });

/** A document that a tool returned is the text of its result. */
export function decodeResultDocument(part: WireRecord, path: string, losses: LossLedger): TextBlock {
  partFields.check(part, path, losses);
  const at = `${path}.document`;
  const { text, title } = readDocument(part['document'], at, losses);
  losses.approximated('document-as-text', at);
  return { type: 'text', text: title === undefined || title === '' ? text : `Title: ${title}\n${text}` };
}

interface SaidDocument {
  readonly text: string;
  readonly title: string | undefined;
  /** What citations would name it by. */
  readonly id: string | undefined;
}

/** One field is the text itself; of several each has a line, as the model of this API is given their names too. */
function readDocument(value: unknown, path: string, losses: LossLedger): SaidDocument {
  const document = readRecord(value, path);
  documentFields.check(document, path, losses);
  const id = optionalString(document['id'], `${path}.id`);
  const { data } = document;
  if (typeof data === 'string') return { text: data, title: undefined, id };
  const record = readRecord(data, `${path}.data`);
  const title = typeof record['title'] === 'string' ? record['title'] : undefined;
  const entries = Object.entries(record).filter(([field]) => field !== 'title' || title === undefined);
  const [only] = entries;
  if (entries.length === 1 && typeof only![1] === 'string') return { text: only![1], title, id };
  losses.approximated('document-fields-as-text', `${path}.data`);
  return { text: entries.map(([field, said]) => `${field}: ${saidAs(said)}`).join('\n'), title, id };
}

function saidAs(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}.`, { parameter: path });
}
