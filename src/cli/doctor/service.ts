import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import type pg from 'pg';
import { connectSession } from '../../store/connect.ts';
import { openBinaries } from '../../store/embedded/binaries.ts';
import { EmbeddedPostgresError } from '../../store/embedded/failure.ts';
import { findHome } from '../../store/embedded/home.ts';
import { connectionUrl, ownerLives, readRecord } from '../../store/embedded/record.ts';
import { chooseServerUser } from '../../store/embedded/server-user.ts';
import { reasonOf } from '../server.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { askVault } from './vault.ts';

const answerTimeoutMs = 5000;

/** Is the server up, and if not, could it take its port? */
export async function checkServer(
  address: {
    readonly url: string;
    readonly host: string;
    readonly port: number;
    /** Of the supervisor that wrote the address, if one runs. */
    readonly processId: number | undefined;
  },
  send: (request: Request) => Promise<Response>,
): Promise<Finding> {
  try {
    const answer = await send(
      new Request(new URL('/readyz', address.url), { signal: AbortSignal.timeout(answerTimeoutMs) }),
    );
    await answer.arrayBuffer();
    return answer.ok
      ? ok('server', `ready at ${address.url}`)
      : warn(
          'server',
          `${address.url} answers ${answer.status}`,
          'It is starting, draining or out of room; see its log.',
        );
  } catch (error) {
    // Nobody answers there; the port tells whether somebody could.
    if (address.processId !== undefined) {
      return fail(
        'server',
        `process ${address.processId} runs and does not answer at ${address.url}: ${reasonOf(error)}`,
        'See its log. For a certificate of a private authority set NODE_EXTRA_CA_CERTS.',
      );
    }
  }
  const trouble = await tryPort(address.host, address.port);
  if (trouble === undefined) return ok('server', `not running; port ${address.port} is free`);
  return fail(
    'server',
    `port ${address.port} on ${address.host}: ${trouble}`,
    'Another program has the port, or it is not ours to take: set CARRIER_PORT or CARRIER_HOST.',
  );
}

function tryPort(host: string, port: number): Promise<string | undefined> {
  return new Promise(settle => {
    const probe = createServer();
    probe.once('error', error => settle((error as NodeJS.ErrnoException).code ?? error.message));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => settle(undefined)));
  });
}

export interface DatabaseAnswer {
  readonly finding: Finding;
  /** The database's clock, milliseconds since 1970. */
  readonly nowMs: number | undefined;
  /** Is what is booked sound? undefined: nobody could be asked, or nothing was set up yet. */
  readonly ledger?: Finding | undefined;
  /** Secrets and webhooks; the same. */
  readonly vault?: readonly Finding[];
}

export async function checkDatabase(databaseUrl: string | undefined, directory: string): Promise<DatabaseAnswer> {
  if (databaseUrl !== undefined)
    return ask(databaseUrl, 'your Postgres', 'Check DATABASE_URL, the network and the server.');
  const home = findHome(resolve(directory));
  const record = home === undefined ? undefined : readRecord(home);
  if (record !== undefined && ownerLives(record)) {
    const name = `embedded, run by process ${record.owner.processId}`;
    return ask(
      connectionUrl(record.socketDirectory),
      name,
      'Restart the server; its log says why Postgres does not answer.',
    );
  }
  return { finding: checkStartable(home), nowMs: undefined };
}

/** Can this user run the embedded programs? Asks them for their version, in the place where a start would. */
function checkStartable(home: string | undefined): Finding {
  const temporary = home === undefined ? mkdtempSync('/tmp/carrier-doctor-') : undefined;
  // The account that runs the server must get through to it.
  if (temporary !== undefined) chmodSync(temporary, 0o711);
  try {
    const user = chooseServerUser();
    const { version } = openBinaries(home ?? temporary!, user, () => undefined);
    const who = user.separate ? 'as `nobody`' : 'as this user';
    return ok('database', `embedded ${version}, not running; can be started ${who}`);
  } catch (error) {
    const message = error instanceof EmbeddedPostgresError ? error.message : (error as Error).message;
    return fail('database', message, 'Do as it says, or set DATABASE_URL to a Postgres of yours.');
  } finally {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }
}

async function ask(url: string, name: string, advice: string): Promise<DatabaseAnswer> {
  const client = connectSession(url, { applicationName: 'carrier-doctor', statementTimeoutMs: answerTimeoutMs });
  try {
    await client.connect();
    const { rows } = await client.query(
      "select current_setting('server_version') as version, floor(extract(epoch from clock_timestamp()) * 1000)::text as now",
    );
    const [{ version, now }] = rows as [{ version: string; now: string }];
    const ledger = await askLedger(client);
    const vault = await askVault(client);
    return { finding: ok('database', `${name}, version ${version}`), nowMs: Number(now), ledger, vault };
  } catch (error) {
    // The message of a failed connection names host and port, never the password.
    return {
      finding: fail('database', `${name}: ${(error as Error).message || 'no answer'}`, advice),
      nowMs: undefined,
    };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Bounded: both sides of every ledger from its balances, and what the last look at the rules found. */
async function askLedger(client: pg.Client): Promise<Finding | undefined> {
  const { rows: present } = await client.query("select to_regclass('ledger_check') is not null as present");
  if (present[0]?.present !== true) return undefined;
  const { rows: unequal } = await client.query(
    `select currency from (select currency, debit_atto, credit_atto from balance_day
                           union all select currency, debit_atto, credit_atto from balance_delta) as b
      group by currency having sum(debit_atto) <> sum(credit_atto)`,
  );
  const advice = 'Run `carrier ledger check --full`, keep a backup of the database as it is, and report what it says.';
  if (unequal.length > 0) {
    return fail('ledger', `debit and credit differ in ${unequal.map(({ currency }) => currency).join(', ')}`, advice);
  }
  const { rows } = await client.query(
    `select finished_at, json_array_length(violations) as violations from ledger_check order by id desc limit 1`,
  );
  const [last] = rows;
  if (last === undefined) return ok('ledger', 'both sides are equal; not looked at otherwise yet');
  const at = last.finished_at.toISOString();
  return last.violations > 0
    ? fail('ledger', `the last look, at ${at}, found ${last.violations} that must never be`, advice)
    : ok('ledger', `both sides are equal; the last look, at ${at}, found nothing wrong`);
}
