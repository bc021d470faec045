import { Fault } from '../completion/fault.ts';
import type { DialectName } from '../completion/request.ts';
import type { PathFacts } from '../dialects/dialect.ts';

/** A path that holds the name of a model, as its documentation writes it: `/model/{model}/converse`. `{model}` may have
 *  slashes in it, and every other name in braces may not. */
export interface ModelPath {
  readonly form: string;
  readonly dialect: DialectName;
  /** What it says beside the model; `query` is what follows the question mark. */
  readonly read: (query: string) => Omit<PathFacts, 'requestedModel'>;
}

export interface MatchedPath {
  readonly form: string;
  readonly named: PathFacts;
}

/** Knows paths again that hold a model. Of several that fit, the first one counts. */
export class ModelPaths {
  readonly #paths: readonly { readonly path: ModelPath; readonly pattern: RegExp }[];

  constructor(paths: readonly ModelPath[]) {
    this.#paths = paths.map(path => ({ path, pattern: patternOf(path.form) }));
  }

  /** undefined for a path of another form. Throws Fault `model_not_found` where the name is no text. */
  match(path: string, query: string): MatchedPath | undefined {
    for (const { path: known, pattern } of this.#paths) {
      const found = pattern.exec(path);
      if (found === null) continue;
      return { form: known.form, named: { ...known.read(query), requestedModel: modelOf(found[1]!) } };
    }
    return undefined;
  }
}

/** A colon may be written `%3A`, and a slash of a name `%2F`. */
function patternOf(form: string): RegExp {
  const source = form
    .split(/(\{[a-z]+\})/)
    .map(part => {
      if (part === '{model}') return '(.+)';
      if (part.startsWith('{')) return '[^/]+';
      return part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(':', '(?::|%3[Aa])');
    })
    .join('');
  return new RegExp(`^${source}$`);
}

/** Clients of Gemini write `models/` before a name, which names nothing (https://ai.google.dev/api/models, 2026-11). */
function modelOf(encoded: string): string {
  try {
    return decodeURIComponent(encoded).replace(/^models\//, '');
  } catch {
    throw new Fault('model_not_found');
  }
}
