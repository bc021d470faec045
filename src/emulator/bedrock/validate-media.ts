import { isBase64, typeOfFile } from '../media-bytes.ts';
import type { Constraints } from './constraints.ts';
import { invalid, refusedByTheModel } from './errors.ts';
import { documentFormats, imageFormats, isObject, type Json, memberOf } from './wire.ts';

const documentName = /^[A-Za-z0-9\s\-()[\]]+$/;
const nameCharactersMax = 200;

/** Form and fields of an image; what its bytes are is looked at by checkImageBytes. */
export function checkImage(constraints: Constraints, path: string, image: unknown): void {
  if (!isObject(image)) return;
  if (constraints.present(`${path}.format`, image['format'])) {
    constraints.oneOf(`${path}.format`, image['format'], imageFormats);
  }
  checkSource(constraints, `${path}.source`, image['source'], ['bytes', 's3Location']);
}

export function checkDocument(constraints: Constraints, path: string, document: unknown): void {
  if (!isObject(document)) return;
  constraints.oneOf(`${path}.format`, document['format'], documentFormats);
  if (constraints.present(`${path}.name`, document['name'])) {
    constraints.length(`${path}.name`, document['name'], [1, nameCharactersMax]);
  }
  checkSource(constraints, `${path}.source`, document['source'], ['bytes', 's3Location', 'text', 'content']);
}

function checkSource(constraints: Constraints, path: string, source: unknown, members: readonly string[]): void {
  if (!constraints.present(path, source) || !isObject(source)) return;
  if (memberOf(source, members) === undefined) {
    throw invalid(`The source at ${path} must set one of the following keys: ${members.join(', ')}.`);
  }
  if (source['bytes'] !== undefined && (typeof source['bytes'] !== 'string' || !isBase64(source['bytes']))) {
    throw invalid(`The bytes field at ${path} is not valid base64.`);
  }
}

/** What the model sees in the bytes. Throws Refusal. */
export function checkImageBytes(image: Json): void {
  const source = isObject(image['source']) ? image['source'] : {};
  if (typeof source['bytes'] !== 'string') return;
  const actual = typeOfFile(source['bytes']);
  if (actual?.startsWith('image/') !== true) throw refusedByTheModel('Could not process image');
  if (actual === `image/${String(image['format'])}`) return;
  throw refusedByTheModel(
    `The image was specified using the image/${String(image['format'])} media type, but does not appear to be a valid ${String(image['format'])} image`,
  );
}

/** Throws Refusal. */
export function checkDocumentMeaning(document: Json): void {
  const name = String(document['name']);
  if (!documentName.test(name) || /\s\s/.test(name)) {
    throw invalid(
      "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.",
    );
  }
  const source = isObject(document['source']) ? document['source'] : {};
  if (document['format'] !== 'pdf' || typeof source['bytes'] !== 'string') return;
  if (typeOfFile(source['bytes']) !== 'application/pdf') throw refusedByTheModel('The PDF specified was not valid.');
}
