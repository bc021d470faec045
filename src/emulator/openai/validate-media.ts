import { isBase64, typeOfFile } from '../media-bytes.ts';
import { missing, refuse } from './parameters.ts';
import { isObject, type Json } from './wire.ts';

/** Refuses parts of a user message that the API refuses: images, files, audio. Throws Refusal. */
export function validateMedia(path: string, part: Json): void {
  if (part['type'] === 'image_url') validateImage(`${path}.image_url`, part['image_url']);
  else if (part['type'] === 'file') validateFile(`${path}.file`, part['file']);
  else if (part['type'] === 'input_audio') validateAudio(`${path}.input_audio`, part['input_audio']);
}

function validateImage(at: string, image: unknown): void {
  if (!isObject(image)) throw missing(at);
  if (typeof image['url'] !== 'string') throw missing(`${at}.url`);
  checkImageUrl(`${at}.url`, image['url']);
}

/** An address, or a data URL of an image that can be read. Throws Refusal. */
export function checkImageUrl(at: string, url: string): void {
  if (/^https?:\/\/./.test(url)) return;
  const data = /^data:image\/(?:png|jpeg|jpg|gif|webp);base64,/.exec(url);
  if (data === null) {
    throw refuse('invalid_value', at, `Invalid '${at}'. Expected a valid URL, but got a value with an invalid format.`);
  }
  const base64 = url.slice(data[0].length);
  if (!isBase64(base64)) throw refuse('invalid_base64', null, 'Invalid base64 image_url.');
  if (!typeOfFile(base64)?.startsWith('image/')) {
    const message =
      "You uploaded an unsupported image. Please make sure your image has of one the following formats: ['png', 'jpeg', 'gif', 'webp'].";
    throw refuse('invalid_image_format', null, message);
  }
}

function validateFile(at: string, file: unknown): void {
  if (!isObject(file)) throw missing(at);
  if (typeof file['file_id'] === 'string') return;
  const data = file['file_data'];
  if (typeof data !== 'string') throw missing(`${at}.file_id`);
  if (typeof file['filename'] !== 'string') throw missing(`${at}.filename`);
  checkFileData(`${at}.file_data`, data);
}

/** A data URL of a PDF. Throws Refusal. */
export function checkFileData(at: string, data: string): void {
  const prefix = 'data:application/pdf;base64,';
  if (!data.startsWith(prefix)) {
    const message = `Invalid file data: '${at}'. Expected a base64-encoded data URL with an application/pdf MIME type (e.g. 'data:application/pdf;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value without the 'data:' prefix.`;
    throw refuse('invalid_value', at, message);
  }
  const base64 = data.slice(prefix.length);
  if (!isBase64(base64) || typeOfFile(base64) !== 'application/pdf') {
    throw refuse(
      'invalid_file_format',
      null,
      `The file type you uploaded is not supported. Please try again with a pdf.`,
    );
  }
}

function validateAudio(at: string, audio: unknown): void {
  if (!isObject(audio)) throw missing(at);
  if (typeof audio['data'] !== 'string') throw missing(`${at}.data`);
  const formats = ['wav', 'mp3'];
  if (formats.includes(String(audio['format']))) return;
  const listed = formats.map(format => `'${format}'`).join(' and ');
  throw refuse(
    'invalid_value',
    `${at}.format`,
    `Invalid value: '${String(audio['format']).slice(0, 40)}'. Supported values are: ${listed}.`,
  );
}
