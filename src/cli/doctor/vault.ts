import type pg from 'pg';
import { type Finding, ok, warn } from './finding.ts';

/** Master key, references, keys that end and webhooks, as the database knows them. Bounded: counts, and one name each. */
export async function askVault(client: pg.Client): Promise<readonly Finding[]> {
  const { rows: present } = await client.query("select to_regclass('webhook_endpoint') is not null as present");
  if (present[0]?.present !== true) return [];
  const { rows } = await client.query(vaultSql);
  const [found] = rows;
  return [masterKey(found), references(found), keys(found), webhooks(found)];
}

interface Found {
  readonly outdated: string | null;
  readonly unresolved: number;
  readonly unresolved_first: string | null;
  readonly ending: bigint;
  readonly ending_first: string | null;
  readonly endpoints: bigint;
  readonly failed: bigint;
  readonly failing: bigint;
  readonly failing_first: string | null;
  readonly undelivered: bigint;
}

const vaultSql = `
select (select min(replica) from sealing_replica r, installation i
         where r.master_key_fingerprint <> i.master_key_fingerprint and r.seen_at > now() - interval '1 minute') as outdated,
       coalesce((select (result ->> 'unresolved')::int from job where name = 'secret-files'), 0) as unresolved,
       (select result ->> 'first' from job where name = 'secret-files') as unresolved_first,
       ending.count as ending, ending.first as ending_first,
       webhooks.endpoints, webhooks.failed, webhooks.failing, webhooks.first as failing_first,
       (select count(*) from webhook_delivery where state in ('failed', 'given-up') and created_at > now() - interval '1 day') as undelivered
  from (select count(*), (array_agg((document ->> 'project') || '/' || (document ->> 'name') order by document ->> 'expiresAt'))[1] as first
          from (select document from configuration_resource
                 where kind = 'key' and document ->> 'revoked' = 'false' and document ->> 'expiresAt' is not null
                   and (document ->> 'expiresAt')::timestamptz between now() and now() + interval '7 days') as k) as ending,
       (select count(*) as endpoints, count(*) filter (where state = 'failed') as failed,
               count(*) filter (where state = 'active' and failing_since < now() - interval '1 hour') as failing,
               min(id) filter (where state = 'failed' or failing_since < now() - interval '1 hour') as first
          from webhook_endpoint) as webhooks`;

function masterKey({ outdated }: Found): Finding {
  if (outdated === null) return ok('keyring', 'every replica that runs has the master key of the database');
  const found = `replica ${outdated} runs with the master key of before`;
  return warn('keyring', found, 'Start it again with the new CARRIER_MASTER_KEY; its next start fails without.');
}

function references({ unresolved, unresolved_first }: Found): Finding {
  if (unresolved === 0) return ok('references', 'what credentials refer to can be read');
  const found = `${unresolved} cannot be read where the server runs, first that of ${unresolved_first}`;
  return warn(
    'references',
    found,
    'What was read last is used; `carrier secrets` says why. The next apply is refused.',
  );
}

function keys({ ending, ending_first }: Found): Finding {
  if (ending === 0n) return ok('keys', 'none ends within seven days');
  return warn('keys', `${ending} end within seven days, first ${ending_first}`, 'Rotate or extend what is still used.');
}

function webhooks({ endpoints, failed, failing, failing_first, undelivered }: Found): Finding {
  if (failed + failing === 0n && undelivered === 0n) return ok('webhooks', `${endpoints}, none fails`);
  const found = `${failed} disabled, ${failing} failing, ${undelivered} deliveries of a day given up`;
  const first = failing_first === null ? '' : ` ${failing_first}`;
  const advice = `See \`carrier webhooks deliveries\`, then \`carrier webhooks test${first}\`.`;
  return warn('webhooks', found, advice);
}
