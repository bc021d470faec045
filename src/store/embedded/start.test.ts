import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { EmbeddedPostgresError } from './failure.ts';
import { findHome } from './home.ts';
import { isAlive } from './processes.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './start.ts';

const roots: string[] = [];
const started: ChildProcess[] = [];
const servers: EmbeddedPostgres[] = [];

after(async () => {
  await Promise.all(servers.map(server => server.stop()));
  for (const child of started) child.kill('SIGKILL');
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

function newDirectory(): string {
  const root = mkdtempSync('/tmp/carrier-embedded-');
  chmodSync(root, 0o711);
  roots.push(root);
  return join(root, 'data');
}

async function ask(url: string, statement: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function start(directory: string, durable = false): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ directory, log: () => undefined, durable });
  servers.push(postgres);
  return postgres;
}

/** Another process that runs the server of a directory, as a supervisor does. */
async function startOwner(directory: string): Promise<{ owner: ChildProcess; server: number; url: string }> {
  const program = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL('./start.ts', import.meta.url).href)};
    const postgres = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, log: () => undefined, durable: false });
    console.log(JSON.stringify({ server: postgres.processId, url: postgres.url }));
    setInterval(() => undefined, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(owner);
  const line = await Promise.race([
    once(createInterface({ input: owner.stdout! }), 'line').then(([text]) => text as string),
    once(owner, 'exit').then(() => assert.fail('the owner ended before its server was ready')),
  ]);
  return { owner, ...(JSON.parse(line) as { server: number; url: string }) };
}

async function waitForEnd(processId: number): Promise<void> {
  for (let waitedMs = 0; isAlive(processId); waitedMs += 10) {
    assert.ok(waitedMs < 5000, `process ${processId} still runs`);
    await wait(10);
  }
}

describe('embedded Postgres', () => {
  it('keeps what was written, over a stop and a start', async () => {
    const directory = newDirectory();
    const first = await start(directory);
    await ask(first.url, 'create table kept as select 7 as number');
    await first.stop();

    const second = await start(directory);
    const rows = await ask(second.url, 'select number from kept');
    await second.stop();

    assert.deepEqual(rows, [{ number: 7 }]);
  });

  it('is a UTF-8 database with builtin collation, fsync on and no network address', async () => {
    const postgres = await start(newDirectory(), true);

    const rows = await ask(
      postgres.url,
      `select pg_encoding_to_char(encoding) as encoding, datlocprovider as provider, datlocale as locale,
              current_setting('fsync') as fsync, current_setting('listen_addresses') as addresses, current_user as role
       from pg_database where datname = 'carrier'`,
    );
    await postgres.stop();

    assert.deepEqual(rows, [
      { encoding: 'UTF8', provider: 'b', locale: 'C.UTF-8', fsync: 'on', addresses: '', role: 'carrier' },
    ]);
  });

  it('lets no other account in, neither to the socket nor to the files', async () => {
    const directory = newDirectory();
    const postgres = await start(directory);

    const modes = [postgres.connection.host, findHome(directory)!].map(path => statSync(path).mode & 0o777);
    const asSuperuser = ask(postgres.url.replace('carrier@', 'postgres@'), 'select 1');

    await assert.rejects(asSuperuser, /no pg_hba.conf entry/);
    await postgres.stop();
    assert.deepEqual(modes, [0o700, 0o700]);
  });

  it('leaves no socket directory behind when it stops, and stops twice without complaint', async () => {
    const postgres = await start(newDirectory());

    await Promise.all([postgres.stop(), postgres.stop()]);

    assert.equal(existsSync(postgres.connection.host), false);
  });

  it('begins again after an initialisation that was killed half-way', async () => {
    const directory = newDirectory();
    mkdirSync(join(directory, 'postgres', 'cluster.new'), { recursive: true });
    chmodSync(directory, 0o711);
    writeFileSync(join(directory, 'postgres', 'cluster.new', 'PG_VERSION'), '18\n');

    const postgres = await start(directory);
    await postgres.stop();

    assert.deepEqual(readdirSync(join(directory, 'postgres')).sort(), ['cluster', 'libraries']);
  });

  it('tells when the server dies, and starts again on its files', async () => {
    const directory = newDirectory();
    const first = await start(directory);
    await ask(first.url, 'create table kept as select 7 as number');

    process.kill(first.processId, 'SIGKILL');
    const exit = await first.crashed;
    const second = await start(directory);
    const rows = await ask(second.url, 'select number from kept');
    await second.stop();

    assert.equal(exit.signal, 'SIGKILL');
    assert.deepEqual(rows, [{ number: 7 }]);
  });

  it('ends by itself when its owner is killed', async () => {
    const { owner, server } = await startOwner(newDirectory());

    owner.kill('SIGKILL');

    await waitForEnd(server);
  });

  it('starts at once after its owner was killed', async () => {
    const directory = newDirectory();
    const { owner, url } = await startOwner(directory);
    await ask(url, 'create table kept as select 7 as number');
    owner.kill('SIGKILL');
    await once(owner, 'exit');

    const startedAtMs = performance.now();
    const postgres = await start(directory);
    const tookMs = performance.now() - startedAtMs;
    const rows = await ask(postgres.url, 'select number from kept');
    await postgres.stop();

    assert.deepEqual(rows, [{ number: 7 }]);
    assert.ok(tookMs < 5000, `took ${tookMs} ms`);
  });

  it('stops a server that outlived its owner, stuck or not', async () => {
    const directory = newDirectory();
    const { owner, server } = await startOwner(directory);
    // A stopped process acts on no signal but SIGKILL.
    process.kill(server, 'SIGSTOP');
    owner.kill('SIGKILL');
    await once(owner, 'exit');

    const postgres = await start(directory);
    await postgres.stop();

    assert.equal(isAlive(server), false);
  });

  it('is refused while its owner lives, and the running server is left alone', async () => {
    const directory = newDirectory();
    const { owner, server } = await startOwner(directory);

    await assert.rejects(
      start(directory),
      (error: unknown) =>
        error instanceof EmbeddedPostgresError &&
        error.code === 'already_running' &&
        error.message.includes(`Process ${owner.pid} `),
    );

    assert.equal(isAlive(server), true);
    owner.kill('SIGTERM');
    await waitForEnd(server);
  });

  it('starts although the lock file names a living process that is no Postgres', async () => {
    const directory = newDirectory();
    await (await start(directory)).stop();
    const lock = join(findHome(directory)!, 'cluster', 'postmaster.pid');
    writeFileSync(lock, `${process.pid}\n${join(directory, 'postgres', 'cluster')}\n1\n5432\n\n\n0 0\nready\n`);

    const postgres = await start(directory);
    await postgres.stop();

    assert.equal(existsSync(lock), false);
  });

  it('works below a long path with spaces and other letters', async () => {
    const directory = join(newDirectory(), 'Ein langer Weg', 'données', '長い道'.repeat(8), 'x'.repeat(120));

    const postgres = await start(directory);
    const rows = await ask(postgres.url, 'select 1 as one');
    await postgres.stop();

    assert.deepEqual(rows, [{ one: 1 }]);
  });

  it('moves to /var/lib/common-carrier where root has a directory that nobody can enter', {
    skip: process.geteuid?.() === 0 ? false : 'only root runs the server as somebody else',
  }, async () => {
    const directory = newDirectory();
    chmodSync(join(directory, '..'), 0o700);

    const first = await start(directory);
    await ask(first.url, 'create table kept as select 7 as number');
    await first.stop();
    const home = findHome(directory)!;
    roots.push(home, `${home}.owner`);
    const second = await start(directory);
    const rows = await ask(second.url, 'select number from kept');
    await second.stop();

    assert.match(home, /^\/var\/lib\/common-carrier\/[0-9a-f]{16}/);
    assert.deepEqual(rows, [{ number: 7 }]);
  });

  it('throws away what was kept there for a directory below /tmp that is gone', {
    skip: process.geteuid?.() === 0 ? false : 'only root runs the server as somebody else',
  }, async () => {
    const gone = newDirectory();
    chmodSync(join(gone, '..'), 0o700);
    await (await start(gone)).stop();
    const home = findHome(gone)!;
    rmSync(join(gone, '..'), { recursive: true });

    const next = newDirectory();
    chmodSync(join(next, '..'), 0o700);
    await (await start(next)).stop();
    roots.push(findHome(next)!, `${findHome(next)}.owner`);

    assert.deepEqual([existsSync(home), existsSync(`${home}.owner`)], [false, false]);
  });

  it('refuses a copied data directory, which would share the database of the first', {
    skip: process.geteuid?.() === 0 ? false : 'only root runs the server as somebody else',
  }, async () => {
    const first = newDirectory();
    chmodSync(join(first, '..'), 0o700);
    await (await start(first)).stop();
    roots.push(findHome(first)!, `${findHome(first)}.owner`);
    const copy = newDirectory();
    cpSync(first, copy, { recursive: true });

    await assert.rejects(
      start(copy),
      (error: unknown) => error instanceof EmbeddedPostgresError && error.code === 'directory_copied',
    );
  });
});
