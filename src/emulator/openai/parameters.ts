import { Refusal } from '../answer.ts';
import { type FieldKind, isObject } from './wire.ts';

// How the API names what is wrong with one parameter: chat completions and responses say it in the same words.

export function refuse(code: string | undefined, parameter: string | null, message: string): Refusal {
  return new Refusal(400, 'invalid_request_error', message, {
    ...(code === undefined ? {} : { code }),
    ...(parameter === null ? {} : { parameter }),
  });
}

export function missing(parameter: string): Refusal {
  return refuse('missing_required_parameter', parameter, `Missing required parameter: '${parameter}'.`);
}

export function wrongType(parameter: string, expected: string, value: unknown): Refusal {
  const message = `Invalid type for '${parameter}': expected ${expected}, but got ${article(describe(value))} instead.`;
  return refuse('invalid_type', parameter, message);
}

export function wrongValue(parameter: string, value: unknown, choices: readonly string[]): Refusal {
  const listed = choices.map(choice => `'${choice}'`);
  const last = listed.pop();
  const supported = listed.length === 0 ? last : `${listed.join(', ')}, and ${last}`;
  const message = `Invalid value: '${String(value).slice(0, 100)}'. Supported values are: ${supported}.`;
  return refuse('invalid_value', parameter, message);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'decimal';
  return typeof value;
}

function article(noun: string): string {
  if (noun === 'null') return noun;
  return /^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}

export const kinds: Readonly<Record<FieldKind, string>> = {
  string: 'a string',
  array: 'an array',
  object: 'an object',
  boolean: 'a boolean',
  integer: 'an integer',
  decimal: 'a decimal',
  'string or array': 'one of a string or array of strings',
  any: 'a value',
};

export function fits(kind: FieldKind, value: unknown): boolean {
  switch (kind) {
    case 'any':
      return true;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    case 'decimal':
      return typeof value === 'number';
    case 'string or array':
      return typeof value === 'string' || (Array.isArray(value) && value.every(item => typeof item === 'string'));
    default:
      return typeof value === kind;
  }
}

export function checkRange(
  name: string,
  value: number,
  [low, high]: readonly [number, number],
  noun: 'integer' | 'decimal',
): void {
  if (value < low) {
    const message = `Invalid '${name}': ${noun} below minimum value. Expected a value >= ${low}, but got ${value} instead.`;
    throw refuse(`${noun}_below_min_value`, name, message);
  }
  if (value > high) {
    const message = `Invalid '${name}': ${noun} above maximum value. Expected a value <= ${high}, but got ${value} instead.`;
    throw refuse(`${noun}_above_max_value`, name, message);
  }
}
