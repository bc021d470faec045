import { readFileSync, writeFileSync } from 'node:fs';
import { askSecret } from './ask-secret.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import { runProgram } from './program.ts';

/** Runs the command line of this process. Sets the exit code rather than exiting, so that output is written whole. */
export async function runCommand(words: readonly string[]): Promise<void> {
  process.exitCode = await runProgram(words, {
    environment: process.env,
    out: { write: text => process.stdout.write(text), isTerminal: process.stdout.isTTY === true },
    err: { write: text => process.stderr.write(text), isTerminal: process.stderr.isTTY === true },
    send: request => fetch(request),
    readText,
    writeText: (path, text) => writeFileSync(path, text),
    askSecret,
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path === '-' ? process.stdin.fd : path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    throw new CommandFailure(exitCodes.usage, 'usage', `${path} cannot be read (${why})`, { cause });
  }
}
