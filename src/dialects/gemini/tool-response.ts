import type { LossLedger } from '../../completion/loss.ts';
import type { TextBlock } from '../../completion/request.ts';
import { parseBounded } from '../exact-json.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';

/** `functionResponse.response` is an object always: "Use "output" key to specify function output and "error" key to specify
 *  error details (if any). If "output" and "error" keys are not specified, then whole "response" is treated as function
 *  output" (https://ai.google.dev/api/caching#FunctionResponse, 2026-11). What is wrapped here is unwrapped there, so that
 *  results of other dialects come back as they were. */

/** A result that is the text of an object is that object; any other text is its output, and several are a list. */
export function wrapResult(texts: readonly string[], isError: boolean): WireRecord {
  if (isError) return { error: texts.length === 1 ? texts[0]! : texts };
  const [only] = texts;
  if (only === undefined) return {};
  if (texts.length > 1) return { output: texts };
  return objectIn(only) ?? { output: only };
}

/** Not one that would be taken for a wrapping. */
function objectIn(text: string): WireRecord | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const value = parseBounded(text);
    return isRecord(value) && wrapped(value) === undefined && JSON.stringify(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

interface Unwrapped {
  readonly blocks: readonly TextBlock[];
  readonly isError: boolean;
}

/** Both words may stand there: then it failed, and all of it is said. */
export function unwrapResult(response: WireRecord): Unwrapped {
  if (Object.keys(response).length === 0) return { blocks: [], isError: false };
  const isError = response['error'] !== undefined && response['error'] !== null;
  const inner = wrapped(response);
  if (inner === undefined) return { blocks: [textOf(response)], isError };
  const isTexts = Array.isArray(inner) && inner.length !== 1 && inner.every(entry => typeof entry === 'string');
  if (isTexts) return { blocks: inner.map(text => ({ type: 'text', text })), isError };
  return { blocks: [textOf(inner)], isError };
}

/** What stands in the one field that says nothing itself. */
function wrapped(response: WireRecord): unknown {
  const names = Object.keys(response);
  return names.length === 1 && (names[0] === 'output' || names[0] === 'error') ? response[names[0]] : undefined;
}

function textOf(value: unknown): TextBlock {
  return { type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) };
}

/** The arguments of a call, which are an object, too. What is none travels wrapped, declared. */
export function argumentsObject(argumentsText: string, path: string, losses: LossLedger): WireRecord {
  if (argumentsText.trim() === '') return {};
  try {
    const parsed = parseBounded(argumentsText);
    if (isRecord(parsed)) return parsed;
  } catch {
    // The model wrote no JSON, or was cut short; the next one may see that.
  }
  losses.approximated('arguments-wrapped', path);
  return { INVALID_JSON: argumentsText };
}
