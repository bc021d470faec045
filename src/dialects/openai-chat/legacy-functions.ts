import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CallBlock, ResultBlock, TextBlock, ToolChoice, ToolDefinition } from '../../completion/request.ts';
import {
  FieldRules,
  optionalString,
  read,
  readFilledString,
  readList,
  readRecord,
  type WireRecord,
} from '../wire-values.ts';

/** The way of calling functions before there were tools: one call a message, without an id, answered by its name
 *  (openai-node 7.55, completions.ts, deprecated, 2026-11). */

const functionFields = new FieldRules({ name: read, description: read, parameters: read });

export function decodeFunctions(value: unknown, losses: LossLedger): readonly ToolDefinition[] {
  if (value === undefined || value === null) return [];
  return readList(value, 'functions').map((entry, index) => {
    const path = `functions.${index}`;
    const definition = readRecord(entry, path);
    functionFields.check(definition, path, losses);
    const { parameters } = definition;
    return {
      name: readFilledString(definition['name'], `${path}.name`),
      description: optionalString(definition['description'], `${path}.description`),
      parameters: parameters == null ? undefined : readRecord(parameters, `${path}.parameters`),
      strict: undefined,
    };
  });
}

export function decodeFunctionChoice(value: unknown): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === 'auto' || value === 'none') return { type: value };
  if (typeof value === 'string') {
    throw new Fault('parameter_invalid', 'function_call is not a choice of this API.', { parameter: 'function_call' });
  }
  const named = readRecord(value, 'function_call');
  return { type: 'tool', name: readFilledString(named['name'], 'function_call.name') };
}

/** Calls of a history and what answers them. Each gets an id by its place, which stays when the history grows. */
export class FunctionCalls {
  readonly #waiting = new Map<string, string>();

  call(value: unknown, path: string): CallBlock {
    const at = `${path}.function_call`;
    const wire: WireRecord = readRecord(value, at);
    const name = readFilledString(wire['name'], `${at}.name`);
    const id = path.replace('.', '_');
    this.#waiting.set(name, id);
    return { type: 'call', id, name, argumentsText: optionalString(wire['arguments'], `${at}.arguments`) ?? '' };
  }

  /** Of a message of the role `function`. */
  result(message: WireRecord, path: string, blocks: readonly TextBlock[]): ResultBlock {
    const name = readFilledString(message['name'], `${path}.name`);
    const callId = this.#waiting.get(name) ?? name;
    this.#waiting.delete(name);
    return { type: 'result', callId, blocks, isError: false };
  }
}
