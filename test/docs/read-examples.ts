import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/test-groups.ts';

/** One worked example of a guide: fenced blocks whose words after the language say `example`.
 *
 *  - `yaml example <name>`: the file of that name in the working directory.
 *  - `sh example`: run there by bash, with the command line as `carrier`, and CARRIER_URL and CARRIER_KEY set. It must end
 *    with 0, or with the number that `exit=<number>` says. With `eventually`, it is run again until its output is right.
 *  - `text example`: the whole output of the block before; `…` stands for anything within a line. */
export interface Example {
  readonly type: 'file' | 'command' | 'output';
  /** Of the block's first line in the guide. */
  readonly line: number;
  readonly text: string;
  /** Of a file. */
  readonly name: string;
  /** Of a command. */
  readonly exitCode: number;
  readonly eventually: boolean;
}

/** In the order of the guide. Throws for a block that is marked and cannot be understood. */
export function readExamples(markdown: string): Example[] {
  const examples: Example[] = [];
  const lines = markdown.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(\s*)```(\w+) example(?: (.*))?$/.exec(lines[at]!);
    if (fence === null) continue;
    const [, indent = '', language, words = ''] = fence;
    const end = lines.findIndex((line, index) => index > at && line.trim() === '```');
    if (end < 0) throw new Error(`line ${at + 1}: the example does not end`);
    const text = lines
      .slice(at + 1, end)
      .map(line => `${line.startsWith(indent) ? line.slice(indent.length) : line}\n`)
      .join('');
    examples.push(readExample({ language: language!, words: words.split(' ').filter(Boolean), line: at + 1, text }));
    at = end;
  }
  examples.forEach((example, index) => {
    const before = examples[index - 1];
    if (example.type === 'output' && before?.type !== 'command') {
      throw new Error(`line ${example.line}: an output needs a command before it`);
    }
  });
  return examples;
}

function readExample(of: {
  readonly language: string;
  readonly words: readonly string[];
  readonly line: number;
  readonly text: string;
}): Example {
  const { language, words, line, text } = of;
  const plain = { line, text, name: '', exitCode: 0, eventually: false };
  if (language === 'text' && words.length === 0) return { ...plain, type: 'output' };
  const [name] = words;
  if (language === 'yaml' && words.length === 1 && /^[\w-]+\.yaml$/.test(name!))
    return { ...plain, type: 'file', name: name! };
  if (language !== 'sh') throw new Error(`line ${line}: not an example: ${language} ${words.join(' ')}`);
  const unknown = words.filter(word => word !== 'eventually' && !/^exit=\d$/.test(word));
  if (unknown.length > 0) throw new Error(`line ${line}: not known of a command: ${unknown.join(' ')}`);
  const exit = words.find(word => word.startsWith('exit='))?.slice('exit='.length) ?? '0';
  return { ...plain, type: 'command', exitCode: Number(exit), eventually: words.includes('eventually') };
}

/** Does the output say what the guide shows? */
export function matchesShown(output: string, shown: string): boolean {
  const pattern = shown
    .trimEnd()
    .split('\n')
    .map(line => line.trimEnd().split('…').map(escapeRegExp).join('.*'))
    .join('\n');
  const plain = output
    .trimEnd()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n');
  return new RegExp(`^${pattern}$`).test(plain);
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** Absolute paths, sorted, of the guides that have any. */
export function guidesWithExamples(): readonly string[] {
  return globSync('docs/guides/*.md', { cwd: repositoryRoot })
    .sort()
    .map(path => join(repositoryRoot, path))
    .filter(path => readExamples(readFileSync(path, 'utf8')).length > 0);
}
