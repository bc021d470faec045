import { spawn } from 'node:child_process';
import { Refusal } from './refusal.js';

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** One Ctrl-C can arrive twice, from the terminal and from npm; a second one meant as such comes later. */
const sameSignalMs = 1000;

const parentPollMs = 500;

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
  const watch = foreground ? undefined : watchNpm(() => child.kill('SIGTERM'));
  const { code, signal } = await ended(child, runtime);
  clearInterval(watch);
  for (const name of forwarded) process.removeAllListeners(name);
  if (signal !== null) process.kill(process.pid, signal);
  else process.exitCode = code;
}

/** npm and npx pass a signal to the shell between, which dies of it and tells nobody: when they are gone, whoever killed
 *  them meant the server. Somebody who put us into the background without npm did not. */
function watchNpm(onGone) {
  if (process.env['npm_command'] === undefined) return undefined;
  const parent = process.ppid;
  const poll = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(poll);
    onGone();
  }, parentPollMs);
  return poll;
}

function ended(child, runtime) {
  return new Promise((resolve, reject) => {
    child.once('error', error => reject(new Refusal(`cannot run ${runtime}: ${error.message}`)));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}
