import { Fault } from '../completion/fault.ts';
import type { LossLedger } from '../completion/loss.ts';
import type { MediaSource } from '../completion/request.ts';
import { isDataUrl } from './data-url.ts';
import { isImageType, isTextType, mediaHeadBytes, pdfType, plainMediaType, typeOfBytes } from './media-type.ts';
import { unsupported } from './wire-values.ts';

/** Media in the request itself, as the client declares it. */
export interface InlineMedia {
  /** With or without parameters; undefined when nothing was said. */
  readonly mediaType: string | undefined;
  /** Base64, as sent. */
  readonly data: string;
  /** Of the data in the client's request. */
  readonly path: string;
}

export interface VerifiedMedia {
  readonly kind: 'image' | 'document';
  readonly source: Exclude<MediaSource, { type: 'url' | 'file' | 'blocks' }>;
}

/** Looks at the first bytes: a type that is declared wrong is corrected, declared, and what no dialect carries is refused.
 *  A text file becomes the text it is. Throws Fault `parameter_invalid` for data that are no base64 or not what they are
 *  said to be, `translation_unsupported` for other types. */
export function verifyMedia({ mediaType, data, path }: InlineMedia, losses: LossLedger): VerifiedMedia {
  checkBase64(data, path);
  const declared = plainMediaType(mediaType);
  const actual = typeOfBytes(Buffer.from(data.slice(0, base64LettersOf(mediaHeadBytes)), 'base64'));
  if (actual !== undefined) {
    if (declared !== undefined && declared !== actual) losses.approximated('media-type-corrected', path);
    return { kind: actual === pdfType ? 'document' : 'image', source: { type: 'base64', mediaType: actual, data } };
  }
  if (declared !== undefined && isTextType(declared)) {
    if (declared !== 'text/plain') losses.approximated('text-type-as-plain', path);
    return { kind: 'document', source: { type: 'text', text: textOf(data, path) } };
  }
  if (declared === undefined || declared === anyType || declared === pdfType || isImageType(declared)) {
    throw invalid(path, 'is neither a PNG, JPEG, GIF or WebP image nor a PDF, by its first bytes');
  }
  throw unsupported(path, `media of type ${declared.slice(0, 80)} cannot be carried to another dialect.`);
}

const anyType = 'application/octet-stream';

/** Canonical base64 with its padding and without line ends (RFC 4648 §4); the one form that every provider takes. */
export function checkBase64(data: string, path: string): void {
  if (data !== '' && isBase64(data)) return;
  throw invalid(path, data === '' ? 'is empty' : 'must be base64 with its padding and without line ends');
}

/** The runtime's decoder leaves out what is no base64, and takes the letters of the alphabet for URLs: decoding gives all
 *  bytes when there is neither. In pieces, since only the number of bytes is wanted. */
function isBase64(data: string): boolean {
  if (data.length % 4 !== 0 || data.includes('-') || data.includes('_')) return false;
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0;
  let bytes = 0;
  for (let at = 0; at < data.length; at += pieceLetters) {
    bytes += Buffer.from(data.slice(at, at + pieceLetters), 'base64').length;
  }
  return bytes === (data.length / 4) * 3 - padding;
}

const pieceLetters = 1024 * 1024;

/** Letters of an address at most: those with a signature have about two thousand. */
const urlLettersMax = 8_192;

/** An address that media may be given by. Whether it may be fetched is decided where it is. */
export function readMediaUrl(url: string, path: string): string {
  if (isDataUrl(url)) throw invalid(path, 'must be a data: URL with a media type, `;base64,` and data');
  if (url.length > urlLettersMax) throw invalid(path, `must have at most ${urlLettersMax} letters`);
  const isWeb = /^https?:\/\//i.test(url) && URL.canParse(url);
  if (!isWeb) throw invalid(path, 'must be an http or https URL');
  return url;
}

function textOf(data: string, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(data, 'base64'));
  } catch {
    throw invalid(path, 'is declared as text, but is not valid UTF-8');
  }
}

function base64LettersOf(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

function invalid(path: string, what: string): Fault {
  return new Fault('parameter_invalid', `${path} ${what}.`, { parameter: path });
}
