import type { Kysely } from 'kysely';
import type pg from 'pg';
import type { Tables } from '../store/tables.ts';
import type { Author } from './author.ts';
import { redactedJson } from './redact.ts';

export interface AuditEvent extends Author {
  /** Whose it is; null: the installation's. */
  readonly organisation: string | null;
  /** As permissions are named: `keys.rotate`. */
  readonly action: string;
  /** `<kind>:<id>` */
  readonly target: string;
  /** `done` unless said. */
  readonly outcome?: 'done' | 'asked' | 'refused';
  /** As they are: secrets are taken out here. */
  readonly before?: unknown;
  readonly after?: unknown;
}

/** A transaction, of either kind that there is here; or the pool, for an event that is its own transaction. */
export type AuditConnection = Kysely<Tables> | Pick<pg.ClientBase, 'query'>;

const columns = 'actor, organisation, action, target, outcome, before, after, request_id, address';
/** Rows of one statement. */
const rowsPerStatement = 1_000;
const targetLengthMax = 300;

/** Writes one event in the caller's transaction: without the event there is no change, and without the change no event. */
export async function recordAudit(connection: AuditConnection, event: AuditEvent): Promise<void> {
  await recordAudits(connection, [event]);
}

export async function recordAudits(connection: AuditConnection, events: readonly AuditEvent[]): Promise<void> {
  for (let at = 0; at < events.length; at += rowsPerStatement) {
    const rows = events.slice(at, at + rowsPerStatement).map(rowOf);
    if ('insertInto' in connection) {
      await connection.insertInto('audit_event').values(rows).execute();
      continue;
    }
    await connection.query(
      `insert into audit_event (${columns})
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[], $8::text[], $9::text[])`,
      [
        rows.map(row => row.actor),
        rows.map(row => row.organisation),
        rows.map(row => row.action),
        rows.map(row => row.target),
        rows.map(row => row.outcome),
        rows.map(row => row.before),
        rows.map(row => row.after),
        rows.map(row => row.request_id),
        rows.map(row => row.address),
      ],
    );
  }
}

function rowOf({ actor, organisation, action, target, outcome = 'done', ...rest }: AuditEvent) {
  return {
    actor,
    organisation,
    action,
    target: target.length <= targetLengthMax ? target : `${target.slice(0, targetLengthMax).toWellFormed()}…`,
    outcome,
    before: redactedJson(rest.before),
    after: redactedJson(rest.after),
    request_id: rest.requestId ?? null,
    address: rest.address ?? null,
  };
}
