import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { MediaBlock } from '../../completion/request.ts';
import { isDataUrl, parseDataUrl } from '../data-url.ts';
import { readMediaUrl, type VerifiedMedia, verifyMedia } from '../inline-media.ts';
import { pdfType, plainMediaType } from '../media-type.ts';
import { FieldRules, isOneOf, lost, optionalString, read, type WireRecord } from '../wire-values.ts';

/** Parts that are no text (openai-node 7.55, responses.ts, 2026-11). */
const imageFields = new FieldRules({
  type: read,
  image_url: read,
  file_id: read,
  detail: read,
  prompt_cache_breakpoint: read,
});
const fileFields = new FieldRules({
  type: read,
  file_data: read,
  file_url: read,
  file_id: read,
  filename: read,
  detail: lost('image-detail-unsupported', isOneOf('auto')),
  prompt_cache_breakpoint: read,
});

export function decodeImage(part: WireRecord, path: string, losses: LossLedger): MediaBlock {
  imageFields.check(part, path, losses);
  const url = optionalString(part['image_url'], `${path}.image_url`);
  const id = optionalString(part['file_id'], `${path}.file_id`);
  const detail = decodeDetail(part['detail'], `${path}.detail`);
  const told = { ...(detail === undefined ? undefined : { detail }), path };
  checkOne(path, ['image_url', 'file_id'], [url, id]);
  if (url === undefined) {
    return { type: 'media', kind: 'image', source: { type: 'file', dialect: 'openai-responses', id: id! }, ...told };
  }
  if (!isDataUrl(url)) {
    const source = { type: 'url', url: readMediaUrl(url, `${path}.image_url`) } as const;
    return { type: 'media', kind: 'image', source, ...told };
  }
  const { mediaType, verified } = verifyDataUrl(url, `${path}.image_url`, losses);
  if (verified.kind === 'image') return { type: 'media', kind: 'image', source: verified.source, ...told };
  // Clients that know one kind of part only send PDFs as images.
  if (plainMediaType(mediaType) !== pdfType)
    throw invalid(`${path}.image_url`, 'is a PDF by its first bytes, not an image');
  losses.approximated('document-sent-as-image', path);
  return { type: 'media', kind: 'document', source: verified.source, path };
}

const details = ['auto', 'low', 'high', 'original'] as const;

function decodeDetail(value: unknown, path: string): MediaBlock['detail'] {
  const text = optionalString(value, path);
  const detail = details.find(known => known === text);
  // This one is said by every client, and means that nothing is said.
  if (detail === 'auto') return undefined;
  if (text === undefined || detail !== undefined) return detail;
  throw invalid(path, `must be one of ${details.join(', ')}`);
}

export function decodeFile(part: WireRecord, path: string, losses: LossLedger): MediaBlock {
  fileFields.check(part, path, losses);
  const data = optionalString(part['file_data'], `${path}.file_data`);
  const url = optionalString(part['file_url'], `${path}.file_url`);
  const id = optionalString(part['file_id'], `${path}.file_id`);
  const name = optionalString(part['filename'], `${path}.filename`);
  const told = { ...(name === undefined || name === '' ? undefined : { name }), path };
  checkOne(path, ['file_data', 'file_url', 'file_id'], [data, url, id]);
  if (id !== undefined) {
    return { type: 'media', kind: 'document', source: { type: 'file', dialect: 'openai-responses', id }, ...told };
  }
  if (url !== undefined) {
    const source = { type: 'url', url: readMediaUrl(url, `${path}.file_url`) } as const;
    return { type: 'media', kind: 'document', source, ...told };
  }
  const { kind, source } = verifyFile(data!, name, `${path}.file_data`, losses);
  // The file's name says nothing that an image could carry.
  return kind === 'image' ? { type: 'media', kind, source, path } : { type: 'media', kind, source, ...told };
}

function checkOne(path: string, names: readonly string[], values: readonly (string | undefined)[]): void {
  const said = values.filter(value => value !== undefined).length;
  if (said === 1) return;
  const code = said === 0 ? 'parameter_missing' : 'parameter_invalid';
  throw new Fault(code, `${path} must have one of ${names.join(', ')}.`, { parameter: path });
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
  if (parsed === undefined) throw invalid(path, 'must be a data: URL with a media type, `;base64,` and data');
  const { mediaType, base64: data } = parsed;
  return { mediaType, verified: verifyMedia({ mediaType, data, path }, losses) };
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}.`, { parameter: path });
}
