import { randomBytes } from 'node:crypto';
import { after } from 'node:test';
import { query, startTestServer, type TestServer, templateName } from './test-server.ts';

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

let own: Promise<TestServer> | undefined;

after(async () => {
  await (await own)?.stop();
});

/** A fresh, migrated database. On the server of the whole run (test/run.ts names it in CARRIER_TEST_DATABASE_URL), else
 *  on one started for this process and stopped after its tests. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = process.env['CARRIER_TEST_DATABASE_URL'] ?? (await startOwn()).url;
  const name = `test_${randomBytes(8).toString('hex')}`;
  await query(server, `create database ${name} template ${templateName}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  // A server of our own goes with everything on it, and may be gone before a test's own hooks run.
  const drop = async () => {
    if (own === undefined) await query(server, `drop database if exists ${name} with (force)`);
  };
  return { url: url.href, drop };
}

function startOwn(): Promise<TestServer> {
  own ??= startTestServer().then(server => {
    // Open handles would keep the test process from ending, and so from stopping it.
    server.postgres.unref();
    return server;
  });
  return own;
}
