import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { writeServerAddress } from '../control/server-address.ts';
import { startEmbeddedPostgres } from '../store/embedded/start.ts';
import { type Finding, formatFindings } from './doctor/finding.ts';
import { checkClock, checkNode, checkPlatform, type Machine } from './doctor/machine.ts';
import { checkJournal, checkMasterKey } from './doctor/storage.ts';
import { diagnose } from './doctor.ts';

const roots: string[] = [];
after(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

function newDirectory(): string {
  const root = mkdtempSync('/tmp/carrier-doctor-test-');
  chmodSync(root, 0o711);
  roots.push(root);
  return root;
}

const machine: Machine = {
  nodeVersion: '24.21.0',
  nodePath: '/opt/node',
  platform: 'linux-x64',
  nowMs: Date.UTC(2026, 8, 1),
};

const refuseConnection = () => Promise.reject(new TypeError('fetch failed'));

function outcomes(findings: readonly Finding[]): Record<string, string> {
  return Object.fromEntries(findings.map(({ check, outcome }) => [check, outcome]));
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

describe('carrier doctor', () => {
  it('finds nothing wrong before the first start, and leaves nothing behind', async () => {
    const environment = { CARRIER_DATA: join(newDirectory(), 'data'), CARRIER_PORT: String(await freePort()) };

    const findings = await diagnose({
      environment,
      send: refuseConnection,
      machine: { ...machine, nowMs: Date.now() },
    });

    const failed = findings.filter(finding => finding.outcome === 'fail');
    assert.deepEqual(failed, []);
    assert.deepEqual(Object.keys(outcomes(findings)), [
      'node',
      'platform',
      'packages',
      'settings',
      'data directory',
      'disk',
      'master key',
      'database',
      'server',
      'journal',
      'clock',
    ]);
  });

  it('tells a server that runs and cannot be asked from a port that another program has', async () => {
    const directory = join(newDirectory(), 'data');
    mkdirSync(directory, { mode: 0o700 });
    const url = 'https://127.0.0.1:1';
    writeServerAddress(directory, { url, adminUrl: url, processId: process.pid });

    const findings = await diagnose({
      environment: { CARRIER_DATA: directory },
      send: () => Promise.reject(new TypeError('fetch failed', { cause: { code: 'SELF_SIGNED_CERT_IN_CHAIN' } })),
      machine,
    });

    const server = findings.find(finding => finding.check === 'server');
    assert.equal(server?.outcome, 'fail');
    assert.match(server?.found ?? '', new RegExp(`^process ${process.pid} runs and does not answer at ${url}: `));
    assert.match(server?.advice ?? '', /NODE_EXTRA_CA_CERTS/);
  });

  it('asks the embedded database that another process runs, and the server', async () => {
    const directory = join(newDirectory(), 'data');
    const postgres = await startEmbeddedPostgres({ directory, log: () => undefined, durable: false });
    writeFileSync(join(directory, 'master.key'), 'x'.repeat(43), { mode: 0o600 });

    const findings = await diagnose({
      environment: { CARRIER_DATA: directory },
      send: async () => new Response('ready'),
      machine: { ...machine, nowMs: Date.now() },
    });
    await postgres.stop();

    const database = findings.find(finding => finding.check === 'database');
    assert.match(database?.found ?? '', /^embedded, run by process [0-9]+, version 18\./);
    assert.equal(outcomes(findings)['server'], 'ok');
    assert.equal(outcomes(findings)['clock'], 'ok');
  });

  it('fails on a port that another program has, naming it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;

    const findings = await diagnose({
      environment: { CARRIER_DATA: join(newDirectory(), 'data'), CARRIER_PORT: String(port) },
      send: refuseConnection,
      machine,
    });
    other.close();

    const server = findings.find(finding => finding.check === 'server');
    assert.equal(server?.outcome, 'fail');
    assert.equal(server?.found, `port ${port} on 127.0.0.1: EADDRINUSE`);
  });

  it('fails on a database that does not answer, without showing its password', async () => {
    const findings = await diagnose({
      environment: {
        CARRIER_DATA: join(newDirectory(), 'data'),
        CARRIER_PORT: String(await freePort()),
        DATABASE_URL: `postgresql://user:hunter2secret@127.0.0.1:${await freePort()}/carrier`,
        CARRIER_MASTER_KEY: 'm'.repeat(40),
        CARRIER_ADMIN_KEY: 'a'.repeat(40),
      },
      send: refuseConnection,
      machine,
    });

    assert.equal(outcomes(findings)['database'], 'fail');
    assert.doesNotMatch(JSON.stringify(findings), /hunter2secret/);
  });

  it('names every wrong setting and looks no further', async () => {
    const findings = await diagnose({
      environment: { CARRIER_PORT: 'eighty', CARRIER_WORKERS: '-1' },
      send: refuseConnection,
      machine,
    });

    const last = findings.at(-1);
    assert.equal(last?.outcome, 'fail');
    assert.match(last?.found ?? '', /CARRIER_PORT[\s\S]*CARRIER_WORKERS/);
  });

  it('refuses an old Node and warns of a platform without packages', () => {
    assert.equal(checkNode({ ...machine, nodeVersion: '22.1.0' }).outcome, 'fail');
    assert.equal(checkNode(machine).outcome, 'ok');
    assert.equal(checkPlatform({ ...machine, platform: 'darwin-arm64' }).outcome, 'warn');
  });

  it('tells a wrong clock from a right one', () => {
    const nowMs = Date.UTC(2026, 8, 1);

    assert.equal(checkClock(nowMs, nowMs + 2000).outcome, 'ok');
    assert.equal(checkClock(nowMs, nowMs - 3000).outcome, 'warn');
    assert.equal(checkClock(nowMs, nowMs + 61_000).outcome, 'fail');
    assert.equal(checkClock(Date.UTC(1970, 0, 1), undefined).outcome, 'fail');
  });

  it('fails on a master key that others can read, and on one that is lost', () => {
    const open = newDirectory();
    writeFileSync(join(open, 'master.key'), 'x'.repeat(43));
    chmodSync(join(open, 'master.key'), 0o644);
    const lost = newDirectory();
    mkdirSync(join(lost, 'postgres'));

    assert.equal(checkMasterKey(undefined, open, false).outcome, 'fail');
    assert.equal(checkMasterKey(undefined, lost, false).outcome, 'fail');
    assert.equal(checkMasterKey(undefined, newDirectory(), false).outcome, 'ok');
    assert.equal(checkMasterKey('short', open, true).outcome, 'fail');
  });

  it('warns when the journal is four fifths full, and fails when it is full', () => {
    const directory = newDirectory();
    mkdirSync(join(directory, 'journal', 'worker'), { recursive: true });
    writeFileSync(join(directory, 'journal', 'worker', 'segment.log'), Buffer.alloc(8000));

    assert.equal(checkJournal(directory, 20_000).outcome, 'ok');
    assert.equal(checkJournal(directory, 10_000).outcome, 'warn');
    assert.equal(checkJournal(directory, 8000).outcome, 'fail');
  });

  it('prints one line a check, with what to do under those that need it', () => {
    const text = formatFindings(
      [
        { check: 'node', outcome: 'ok', found: '24.21.0' },
        { check: 'clock', outcome: 'warn', found: 'late', advice: 'Set it.' },
      ],
      false,
    );

    assert.equal(text, 'ok    node   24.21.0\nwarn  clock  late\n             Set it.\n');
  });
});
