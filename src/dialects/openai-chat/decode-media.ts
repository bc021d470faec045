import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { MediaBlock } from '../../completion/request.ts';
import { isDataUrl, parseDataUrl } from '../data-url.ts';
import { checkBase64, readMediaUrl, type VerifiedMedia, verifyMedia } from '../inline-media.ts';
import { pdfType, plainMediaType } from '../media-type.ts';
import {
  FieldRules,
  optionalString,
  read,
  readFilledString,
  readRecord,
  readString,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';

/** Parts of a user message that are no text (openai-node 7.55, chat/completions.ts, 2026-11). */
export const mediaPartTypes: ReadonlySet<string> = new Set(['image_url', 'file', 'input_audio']);

const imageFields = new FieldRules({ type: read, image_url: read, prompt_cache_breakpoint: read, cache_control: read });
const imageUrlFields = new FieldRules({ url: read, detail: read });
const fileFields = new FieldRules({ type: read, file: read, prompt_cache_breakpoint: read, cache_control: read });
const filedFields = new FieldRules({ file_data: read, file_id: read, filename: read });
const audioFields = new FieldRules({
  type: read,
  input_audio: read,
  prompt_cache_breakpoint: read,
  cache_control: read,
});
const heardFields = new FieldRules({ data: read, format: read });

export function decodeMedia(part: WireRecord, type: string, path: string, losses: LossLedger): MediaBlock {
  switch (type) {
    case 'image_url':
      return decodeImage(part, path, losses);
    case 'file':
      return decodeFile(part, path, losses);
    default:
      return decodeAudio(part, path, losses);
  }
}

/** Some hosts take the address without an object around it. */
function decodeImage(part: WireRecord, path: string, losses: LossLedger): MediaBlock {
  imageFields.check(part, path, losses);
  const value = part['image_url'];
  const at = `${path}.image_url`;
  const image = typeof value === 'string' ? { url: value } : readRecord(value, at);
  imageUrlFields.check(image, at, losses);
  const url = readString(image['url'], `${at}.url`);
  const detail = readDetail(image['detail'], `${at}.detail`);
  const told = { ...(detail === undefined ? undefined : { detail }), path };
  if (!isDataUrl(url)) {
    return { type: 'media', kind: 'image', source: { type: 'url', url: readMediaUrl(url, `${at}.url`) }, ...told };
  }
  const { mediaType, verified } = verifyDataUrl(url, `${at}.url`, losses);
  if (verified.kind === 'image') return { type: 'media', kind: 'image', source: verified.source, ...told };
  // Clients that know one kind of part only send PDFs as images.
  if (plainMediaType(mediaType) !== pdfType) throw notAnImage(`${at}.url`);
  losses.approximated('document-sent-as-image', path);
  return { type: 'media', kind: 'document', source: verified.source, path };
}

const details = ['auto', 'low', 'high', 'original'] as const;

function readDetail(value: unknown, path: string): MediaBlock['detail'] {
  const text = optionalString(value, path);
  const detail = details.find(known => known === text);
  if (text === undefined || detail !== undefined) return detail;
  throw new Fault('parameter_invalid', `${path} must be one of ${details.join(', ')}.`, { parameter: path });
}

function decodeFile(part: WireRecord, path: string, losses: LossLedger): MediaBlock {
  fileFields.check(part, path, losses);
  const at = `${path}.file`;
  const file = readRecord(part['file'], at);
  filedFields.check(file, at, losses);
  const id = optionalString(file['file_id'], `${at}.file_id`);
  const name = optionalString(file['filename'], `${at}.filename`);
  const told = { ...(name === undefined || name === '' ? undefined : { name }), path };
  if (id !== undefined) {
    if (file['file_data'] != null) {
      const message = `${at} must have either file_id or file_data, not both.`;
      throw new Fault('parameter_invalid', message, { parameter: at });
    }
    return { type: 'media', kind: 'document', source: { type: 'file', dialect: 'openai-chat', id }, ...told };
  }
  const data = readFilledString(file['file_data'], `${at}.file_data`);
  const { kind, source } = verifyFile(data, name, `${at}.file_data`, losses);
  // The file's name says nothing that an image could carry.
  return kind === 'image' ? { type: 'media', kind, source, path } : { type: 'media', kind, source, ...told };
}

/** A data: URL as the API documents it, or bare base64, which its clients send as well. */
function verifyFile(data: string, name: string | undefined, path: string, losses: LossLedger): VerifiedMedia {
  if (isDataUrl(data)) return verifyDataUrl(data, path, losses).verified;
  return verifyMedia({ mediaType: typeByName(name), data, path }, losses);
}

/** Bare base64 says nothing of its type; the bytes tell what is no text. */
function typeByName(name: string | undefined): string | undefined {
  return name !== undefined && /\.(?:txt|md|csv|json|xml|ya?ml|html?)$/i.test(name) ? 'text/plain' : undefined;
}

function verifyDataUrl(url: string, path: string, losses: LossLedger) {
  const parsed = parseDataUrl(url);
  if (parsed === undefined) {
    const message = `${path} must be a data: URL with a media type, \`;base64,\` and data.`;
    throw new Fault('parameter_invalid', message, { parameter: path });
  }
  const { mediaType, base64: data } = parsed;
  return { mediaType, verified: verifyMedia({ mediaType, data, path }, losses) };
}

function notAnImage(path: string): Fault {
  return new Fault('parameter_invalid', `${path} is a PDF by its first bytes, not an image.`, { parameter: path });
}

const audioTypes: ReadonlyMap<string, string> = new Map([
  ['wav', 'audio/wav'],
  ['mp3', 'audio/mpeg'],
]);

function decodeAudio(part: WireRecord, path: string, losses: LossLedger): MediaBlock {
  audioFields.check(part, path, losses);
  const at = `${path}.input_audio`;
  const audio = readRecord(part['input_audio'], at);
  heardFields.check(audio, at, losses);
  const format = readString(audio['format'], `${at}.format`);
  const mediaType = audioTypes.get(format);
  if (mediaType === undefined) throw unsupported(`${at}.format`, 'audio other than wav and mp3 cannot be carried.');
  const data = readString(audio['data'], `${at}.data`);
  checkBase64(data, `${at}.data`);
  return { type: 'media', kind: 'audio', source: { type: 'base64', mediaType, data }, path };
}
