import { spawn } from 'node:child_process';
import { Refusal } from './refusal.js';

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** One Ctrl-C can arrive twice, from the terminal and from npm; a second one meant as such comes later. */
const sameSignalMs = 1000;

/** Runs the program to its end and ends as it did. Unless it is a foreground command, it gets a session of its own, so
 *  that a terminal's signal reaches it only through here, once: a second signal would cut its draining short. */
export async function relay(runtime, args, { foreground }) {
  const child = spawn(runtime, args, { stdio: 'inherit', detached: !foreground });
  const lastAt = new Map();
  for (const signal of forwarded) {
    process.on(signal, () => {
      const now = performance.now();
      const repeated = now - (lastAt.get(signal) ?? Number.NEGATIVE_INFINITY) < sameSignalMs;
      // The terminal has told a foreground command already.
      if (repeated || (foreground && signal === 'SIGINT' && process.stdin.isTTY)) return;
      lastAt.set(signal, now);
      child.kill(signal);
    });
  }
  const { code, signal } = await ended(child, runtime);
  for (const name of forwarded) process.removeAllListeners(name);
  if (signal !== null) process.kill(process.pid, signal);
  else process.exitCode = code;
}

function ended(child, runtime) {
  return new Promise((resolve, reject) => {
    child.once('error', error => reject(new Refusal(`cannot run ${runtime}: ${error.message}`)));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}
