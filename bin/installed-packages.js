import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** Compares what npm last wrote into node_modules with the lockfile: 'same', 'different' or 'unreadable'.
 *  Packages for other platforms, and development packages unless asked for, may be missing. */
export function compareWithLock(root, { development }) {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const present = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || present === undefined) return 'unreadable';
  const missing = Object.entries(wanted).some(([path, entry]) => {
    if (path === '' || entry.link === true) return false;
    if (!development && (entry.dev === true || entry.devOptional === true)) return false;
    if (!fitsHere(entry)) return false;
    return present[path]?.version !== entry.version || present[path]?.integrity !== entry.integrity;
  });
  return missing ? 'different' : 'same';
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function fitsHere(entry) {
  if (entry.os !== undefined && ![entry.os].flat().includes(process.platform)) return false;
  if (entry.cpu !== undefined && ![entry.cpu].flat().includes(process.arch)) return false;
  // npm installs the variants of both C libraries or of one, depending on its version.
  return entry.libc === undefined;
}
