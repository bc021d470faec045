import type { Problem } from '../config/problem.ts';

/** Problems named before looking stops. */
const problemsMax = 100;

/** Text that a database keeps as it is: Postgres takes no NUL, and UTF-8 has no half of a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Every text in a JSON value that is not storable, by its path. Not recursive: a body may nest as deep as it is long. */
export function unstorableParts(value: unknown, path: string): readonly Problem[] {
  const problems: Problem[] = [];
  const waiting: { readonly value: unknown; readonly path: string }[] = [{ value, path }];
  while (waiting.length > 0 && problems.length < problemsMax) {
    const next = waiting.pop()!; // there is one: its length was looked at
    if (typeof next.value === 'string') {
      if (!isStorable(next.value)) problems.push(problem(next.path));
    } else if (typeof next.value === 'object' && next.value !== null) {
      for (const [key, inner] of Object.entries(next.value)) {
        if (isStorable(key)) waiting.push({ value: inner, path: `${next.path}.${key}` });
        else problems.push(problem(next.path));
      }
    }
  }
  return problems;
}

function problem(path: string): Problem {
  const message = 'holds a NUL or half of a surrogate pair, which no database keeps';
  return { path, code: 'configuration_invalid', message };
}
