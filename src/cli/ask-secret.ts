import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandFailure, exitCodes } from './outcome.ts';

/** Asks at the terminal, without showing what is typed. A secret is no argument: those are in the list of processes. */
export function askSecret(question: string): Promise<string> {
  if (process.stdin.isTTY !== true) {
    const message = 'There is no terminal to ask at; give --password-file, where - is standard input.';
    return Promise.reject(new CommandFailure(exitCodes.usage, 'usage', message));
  }
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  return new Promise((resolve, reject) => {
    lines.once('line', line => {
      lines.close();
      process.stderr.write('\n');
      resolve(line);
    });
    lines.once('SIGINT', () => {
      lines.close();
      reject(new CommandFailure(exitCodes.usage, 'usage', 'Nothing was done.'));
    });
  });
}
