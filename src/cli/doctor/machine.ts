import { existsSync } from 'node:fs';
import { findPackage } from '../../store/embedded/binaries.ts';
import { EmbeddedPostgresError } from '../../store/embedded/failure.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const nodeMajorMin = 24;
/** No machine that runs this release is at an earlier time. */
const clockEarliestMs = Date.UTC(2026, 0, 1);
const loaders: Readonly<Record<string, string>> = {
  'linux-x64': '/lib64/ld-linux-x86-64.so.2',
  'linux-arm64': '/lib/ld-linux-aarch64.so.1',
};

export interface Machine {
  readonly nodeVersion: string;
  readonly nodePath: string;
  readonly platform: string;
  readonly nowMs: number;
}

export const thisMachine = (): Machine => ({
  nodeVersion: process.versions.node,
  nodePath: process.execPath,
  platform: `${process.platform}-${process.arch}`,
  nowMs: Date.now(),
});

export function checkNode({ nodeVersion, nodePath }: Machine): Finding {
  if (Number.parseInt(nodeVersion, 10) < nodeMajorMin) {
    return fail('node', `${nodeVersion} at ${nodePath}`, `Install Node ${nodeMajorMin} or newer.`);
  }
  return ok('node', `${nodeVersion} at ${nodePath}`);
}

export function checkPlatform({ platform }: Machine): Finding {
  const loader = loaders[platform];
  const advice = 'Supported are Linux on x64 and arm64 with glibc; elsewhere bring Node 24 and a DATABASE_URL.';
  if (loader === undefined) return warn('platform', platform, advice);
  return existsSync(loader)
    ? ok('platform', `${platform}, glibc`)
    : warn('platform', `${platform} without glibc`, advice);
}

export function checkPackages(databaseUrl: string | undefined): Finding {
  if (databaseUrl !== undefined) return ok('packages', 'embedded Postgres not needed: DATABASE_URL is set');
  try {
    return ok('packages', `embedded Postgres ${findPackage().version}`);
  } catch (error) {
    if (!(error instanceof EmbeddedPostgresError)) throw error;
    return fail('packages', error.message, 'Install again with optional dependencies: npm ci --include=optional.');
  }
}

/** `databaseMs` is what the database's clock said at the same moment, if it could be asked. */
export function checkClock(nowMs: number, databaseMs: number | undefined): Finding {
  const advice = 'Set the clock and keep it set, as by NTP: budgets, prices and partitions go by it.';
  const now = new Date(nowMs).toISOString();
  if (nowMs < clockEarliestMs) return fail('clock', now, advice);
  const apartMs = databaseMs === undefined ? 0 : Math.abs(nowMs - databaseMs);
  if (apartMs > 60_000) return fail('clock', `${now}, ${Math.round(apartMs / 1000)} s apart from the database`, advice);
  if (apartMs > 2000) return warn('clock', `${now}, ${Math.round(apartMs / 1000)} s apart from the database`, advice);
  return ok('clock', now);
}
