import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Refusal } from './refusal.js';

const pollMs = 200;
const heartbeatMs = 2000;
/** A holder that has shown no life for so long is gone: on another host or in another container nothing else tells. */
const staleMs = 20_000;

/** Takes the lock of this name in the directory, waiting for its holder; returns the function that gives it back. */
export async function holdLock(directory, name, onWait) {
  const path = join(directory, `${name}.lock`);
  makeDirectory(directory, { recursive: true });
  for (let told = false; !take(path); ) {
    if (isAbandoned(path)) {
      rmSync(path, { recursive: true, force: true });
      continue;
    }
    if (!told) onWait();
    told = true;
    await wait(pollMs);
  }
  const heartbeat = setInterval(() => touch(path), heartbeatMs);
  heartbeat.unref();
  return () => {
    clearInterval(heartbeat);
    rmSync(path, { recursive: true, force: true });
  };
}

function take(path) {
  if (!makeDirectory(path, {})) return false;
  writeFileSync(join(path, 'holder'), JSON.stringify({ host: hostname(), processId: process.pid }));
  return true;
}

/** False when it exists already. */
function makeDirectory(path, options) {
  try {
    mkdirSync(path, options);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw new Refusal(`${path} cannot be made (${error.code}): run carrier once as the owner of the checkout.`);
  }
}

function isAbandoned(path) {
  try {
    if (Date.now() - statSync(path).mtimeMs > staleMs) return true;
    const holder = JSON.parse(readFileSync(join(path, 'holder'), 'utf8'));
    return holder.host === hostname() && !isAlive(holder.processId);
  } catch {
    // It was given back, or its holder has not written its name yet; the next look tells.
    return false;
  }
}

function isAlive(processId) {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function touch(path) {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Taken away by somebody who thought us dead. npm bears two installations at once: the later one wins.
  }
}
