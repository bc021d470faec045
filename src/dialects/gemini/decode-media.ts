import type { LossLedger } from '../../completion/loss.ts';
import type { MediaBlock } from '../../completion/request.ts';
import { checkBase64, readMediaUrl, verifyMedia } from '../inline-media.ts';
import { isImageType, isTextType, pdfType, plainMediaType } from '../media-type.ts';
import { FieldRules, optionalString, read, readFilledString, unsupported } from '../wire-values.ts';
import { readMessage } from './proto-json.ts';

/** Parts that hold a file (@google/genai 3.1, types.ts, 2026-11). */

const inlineFields = new FieldRules({ mimeType: read, data: read, displayName: read });
const fileFields = new FieldRules({ mimeType: read, fileUri: read, displayName: read });

export function decodeInline(value: unknown, path: string, losses: LossLedger): MediaBlock {
  const at = `${path}.inlineData`;
  const blob = readMessage(value, at);
  inlineFields.check(blob, at, losses);
  const mediaType = optionalString(blob['mimeType'], `${at}.mimeType`);
  const data = standardBase64(readFilledString(blob['data'], `${at}.data`));
  const name = namedBy(blob['displayName'], `${at}.displayName`);
  const audio = audioTypes.get(plainMediaType(mediaType) ?? '');
  if (audio !== undefined) {
    checkBase64(data, `${at}.data`);
    return { type: 'media', kind: 'audio', source: { type: 'base64', mediaType: audio, data }, path };
  }
  const { kind, source } = verifyMedia({ mediaType, data, path: `${at}.data` }, losses);
  return kind === 'image' ? { type: 'media', kind, source, path } : { type: 'media', kind, source, ...name, path };
}

/** JSON of protocol buffers takes the alphabet for URLs as well, and bytes without their padding. */
function standardBase64(data: string): string {
  const letters = /[-_]/.test(data) ? data.replaceAll('-', '+').replaceAll('_', '/') : data;
  const missing = (4 - (letters.length % 4)) % 4;
  return missing === 0 || missing === 3 ? letters : letters + '='.repeat(missing);
}

/** Those that another dialect takes. */
const audioTypes: ReadonlyMap<string, string> = new Map([
  ['audio/wav', 'audio/wav'],
  ['audio/x-wav', 'audio/wav'],
  ['audio/mp3', 'audio/mpeg'],
  ['audio/mpeg', 'audio/mpeg'],
]);

/** A file at an address, or one that is stored at Google: only Google knows that. */
export function decodeFile(value: unknown, path: string, losses: LossLedger): MediaBlock {
  const at = `${path}.fileData`;
  const file = readMessage(value, at);
  fileFields.check(file, at, losses);
  const uri = readFilledString(file['fileUri'], `${at}.fileUri`);
  const mediaType = plainMediaType(optionalString(file['mimeType'], `${at}.mimeType`));
  const name = namedBy(file['displayName'], `${at}.displayName`);
  if (isStored(uri)) {
    return { type: 'media', kind: 'document', source: { type: 'file', dialect: 'gemini', id: uri }, ...name, path };
  }
  const kind = kindOf(mediaType, uri);
  if (kind === undefined)
    throw unsupported(path, `media of type ${(mediaType ?? 'unknown').slice(0, 80)} cannot be carried.`);
  const source = { type: 'url', url: readMediaUrl(uri, `${at}.fileUri`) } as const;
  return kind === 'image' ? { type: 'media', kind, source, path } : { type: 'media', kind, source, ...name, path };
}

function isStored(uri: string): boolean {
  return /^(?:gs:\/\/|files\/|https:\/\/generativelanguage\.googleapis\.com\/)/i.test(uri);
}

function kindOf(mediaType: string | undefined, uri: string): 'image' | 'document' | undefined {
  const type = mediaType ?? typeByEnding(uri);
  if (type === undefined) return undefined;
  if (isImageType(type)) return 'image';
  return type === pdfType || isTextType(type) ? 'document' : undefined;
}

const endings: ReadonlyMap<string, string> = new Map([
  ['png', 'image/png'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
  ['pdf', pdfType],
  ['txt', 'text/plain'],
  ['md', 'text/markdown'],
  ['csv', 'text/csv'],
  ['html', 'text/html'],
]);

/** What the end of an address says of the file there. */
export function typeByEnding(uri: string): string | undefined {
  const path = URL.canParse(uri) ? new URL(uri).pathname : uri;
  return endings.get(/\.([a-z0-9]{2,5})$/i.exec(path)?.[1]?.toLowerCase() ?? '');
}

function namedBy(value: unknown, path: string): { readonly name?: string } {
  const name = optionalString(value, path);
  return name === undefined || name === '' ? {} : { name };
}
