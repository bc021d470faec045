import type { DialectName } from '../../src/completion/request.ts';
import type { PathFacts } from '../../src/dialects/dialect.ts';

/** What the tests that every dialect must pass have to know of each: where its model and its limit stand, and how its
 *  streams are cut into events. Another dialect joins by its row. */
export interface DialectRow {
  /** The model and whether to stream are said in the path of a request. */
  readonly namesInPath: boolean;
  /** Dotted paths in a request at which an output limit may stand; where none is named, the first is written. */
  readonly limits: readonly string[];
  /** The field that holds the conversation. */
  readonly turns: 'messages' | 'input' | 'contents';
  readonly frames: 'sse' | 'binary';
}

export const dialectRows: Readonly<Record<DialectName, DialectRow>> = {
  'openai-chat': {
    namesInPath: false,
    limits: ['max_completion_tokens', 'max_tokens'],
    turns: 'messages',
    frames: 'sse',
  },
  'openai-responses': { namesInPath: false, limits: ['max_output_tokens'], turns: 'input', frames: 'sse' },
  'anthropic-messages': { namesInPath: false, limits: ['max_tokens'], turns: 'messages', frames: 'sse' },
  gemini: {
    namesInPath: true,
    limits: [
      'generationConfig.maxOutputTokens',
      'generationConfig.max_output_tokens',
      'generation_config.max_output_tokens',
      'generation_config.maxOutputTokens',
    ],
    turns: 'contents',
    frames: 'sse',
  },
  'cohere-chat': { namesInPath: false, limits: ['max_tokens'], turns: 'messages', frames: 'sse' },
  'bedrock-converse': {
    namesInPath: true,
    limits: ['inferenceConfig.maxTokens', 'additionalModelRequestFields.max_tokens'],
    turns: 'messages',
    frames: 'binary',
  },
};

/** What the path says of a request that names `model`; undefined where the body says it. */
export function pathFacts(dialect: DialectName, model: string, stream = false): PathFacts | undefined {
  return dialectRows[dialect].namesInPath ? { requestedModel: model, stream, streamForm: 'events' } : undefined;
}

/** A stream in its events: each whole, with what ends it; the last piece may be half of one. */
export function framesOf(dialect: DialectName, bytes: Buffer): Buffer[] {
  if (dialectRows[dialect].frames === 'sse') {
    const pieces = bytes.toString('latin1').split(/(?<=\r?\n\r?\n)/);
    return pieces.map(piece => Buffer.from(piece, 'latin1'));
  }
  const frames: Buffer[] = [];
  let at = 0;
  while (bytes.length - at >= 4) {
    const length = bytes.readUInt32BE(at);
    if (length < 16 || at + length > bytes.length) break;
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  if (at < bytes.length) frames.push(bytes.subarray(at));
  return frames;
}

/** Has a written request nothing to say? */
export function isSilent(dialect: DialectName, body: Readonly<Record<string, unknown>>): boolean {
  const turns = body[dialectRows[dialect].turns];
  return Array.isArray(turns) && turns.length === 0;
}
