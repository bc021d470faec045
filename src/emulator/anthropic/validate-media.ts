import { Refusal } from '../answer.ts';
import { isBase64, typeOfFile } from '../media-bytes.ts';
import { isObject, type Json } from './wire.ts';

const imageTypes = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];
const sourceTypes: Readonly<Record<'image' | 'document', readonly string[]>> = {
  image: ['base64', 'file', 'url'],
  document: ['base64', 'content', 'file', 'text', 'url'],
};
const sourceFields: Readonly<Record<string, readonly string[]>> = {
  base64: ['media_type', 'data'],
  text: ['media_type', 'data'],
  url: ['url'],
  file: ['file_id'],
  content: ['content'],
};
const blockFields: Readonly<Record<'image' | 'document', readonly string[]>> = {
  image: ['type', 'source', 'cache_control'],
  document: ['type', 'source', 'cache_control', 'title', 'context', 'citations'],
};

/** Refuses images and documents that the API refuses. Throws Refusal. */
export function validateMedia(path: string, type: 'image' | 'document', block: Json): void {
  const at = `${path}.${type}`;
  for (const name of Object.keys(block)) {
    if (!blockFields[type].includes(name)) throw invalid(`${at}.${name}: Extra inputs are not permitted`);
  }
  const source = block['source'];
  if (!isObject(source)) throw invalid(`${at}.source: Field required`);
  const kind = String(source['type']);
  if (!sourceTypes[type].includes(kind)) {
    const known = sourceTypes[type].map(name => `'${name}'`).join(', ');
    throw invalid(
      `${at}.source: Input tag '${kind.slice(0, 100)}' found using 'type' does not match any of the expected tags: ${known}`,
    );
  }
  for (const name of Object.keys(source)) {
    if (name === 'type' || sourceFields[kind]!.includes(name)) continue;
    throw invalid(`${at}.source.${kind}.${name}: Extra inputs are not permitted`);
  }
  for (const name of sourceFields[kind]!) {
    if (source[name] === undefined) throw invalid(`${at}.source.${kind}.${name}: Field required`);
  }
  if (kind === 'base64') validateBytes(`${at}.source.base64`, type, source);
  if (kind === 'url' && !/^https?:\/\/./.test(String(source['url']))) {
    throw invalid(`${at}.source.url.url: Only HTTP and HTTPS URLs are supported.`);
  }
}

function validateBytes(at: string, type: 'image' | 'document', source: Json): void {
  const known = type === 'image' ? imageTypes : ['application/pdf'];
  const declared = String(source['media_type']);
  if (!known.includes(declared)) {
    const expected = known.map(name => `'${name}'`).join(', ');
    throw invalid(`${at}.media_type: Input should be ${expected}`);
  }
  if (typeof source['data'] !== 'string' || !isBase64(source['data'])) throw invalid(`${at}.data: invalid base64 data`);
  const actual = typeOfFile(source['data']);
  if (actual === declared) return;
  if (type === 'document') throw invalid(`${at}.data: The PDF specified was not valid.`);
  throw invalid(
    actual === undefined
      ? 'Could not process image'
      : `${at}.data: Image does not match the provided media type ${declared}`,
  );
}

function invalid(message: string): Refusal {
  return new Refusal(400, 'invalid_request_error', message);
}
