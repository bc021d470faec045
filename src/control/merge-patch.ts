import { ConfigurationError } from '../config/problem.ts';

/** Nesting of a patch; no document is nearly as deep. */
const depthMax = 64;

/** JSON merge patch (RFC 7396): what is null goes, objects are merged, all else is replaced. Throws ConfigurationError for a
 *  patch that nests too deep. */
export function mergePatch(target: unknown, patch: unknown, depth = 0): unknown {
  if (!isObject(patch)) return patch;
  if (depth >= depthMax) {
    const message = `nests deeper than ${depthMax} levels`;
    throw new ConfigurationError([{ path: 'body', code: 'configuration_invalid', message }], 'the request');
  }
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value, depth + 1));
  }
  return Object.fromEntries(merged);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
