import { ConfigurationError, type Problem } from '../config/problem.ts';

export interface ServeWords {
  /** By flag, such as `--port`; which ones exist and what they may say is for config/ to judge. */
  readonly flags: Readonly<Record<string, string>>;
  readonly configPath: string | undefined;
}

/** Reads `--name value` and `--name=value`. Throws ConfigurationError with everything that is neither. */
export function readServeWords(words: readonly string[]): ServeWords {
  const flags: Record<string, string> = {};
  const problems: Problem[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index]!;
    const match = /^(--[a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(word);
    if (match === null) {
      problems.push({ path: word, code: 'configuration_invalid', message: 'is no flag; flags are --name value' });
      continue;
    }
    const flag = match[1]!;
    const value = match[2] ?? words[index + 1];
    if (match[2] === undefined) index += 1;
    if (value === undefined || (match[2] === undefined && value.startsWith('--'))) {
      problems.push({ path: flag, code: 'configuration_invalid', message: 'needs a value' });
      if (value !== undefined) index -= 1;
    } else if (flags[flag] !== undefined) {
      problems.push({ path: flag, code: 'configuration_invalid', message: 'is said twice' });
    } else flags[flag] = value;
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  const { '--config': configPath, ...others } = flags;
  return { flags: others, configPath };
}
