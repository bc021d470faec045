import { bytesPerToken, splitText } from '../reply/tokens.ts';
import { isObject, type Json } from './wire.ts';

const textBytesPerEvent = 2 * bytesPerToken;

/** Arguments as they come one by one where `streamFunctionCallArguments` is on: each leaf by its path, long texts in
 *  pieces (https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling, 2026-11). */
export function partialArgs(args: unknown, path = '$'): Json[] {
  if (Array.isArray(args)) return args.flatMap((item, position) => partialArgs(item, `${path}[${position}]`));
  if (isObject(args)) return Object.entries(args).flatMap(([name, value]) => partialArgs(value, join(path, name)));
  if (typeof args === 'string') {
    const pieces = args === '' ? [''] : splitText(args, textBytesPerEvent);
    return pieces.map((piece, position) => ({
      jsonPath: path,
      stringValue: piece,
      ...(position < pieces.length - 1 ? { willContinue: true } : {}),
    }));
  }
  if (typeof args === 'number') return [{ jsonPath: path, numberValue: args }];
  if (typeof args === 'boolean') return [{ jsonPath: path, boolValue: args }];
  return [{ jsonPath: path, nullValue: 'NULL_VALUE' }];
}

function join(path: string, name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}
