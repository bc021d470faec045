import { type Selectable, sql, type Transaction } from 'kysely';
import type { Author } from '../audit/author.ts';
import { recordAudit } from '../audit/record-audit.ts';
import { base62 } from '../completion/base62.ts';
import { Fault } from '../completion/fault.ts';
import type { WebhookEndpointTable } from '../store/tables/vault.ts';
import type { Tables } from '../store/tables.ts';
import { secretContext, type WebhookContext } from './context.ts';
import { endpointsPerOrganisationMax, type WebhookEndpoint } from './endpoint.ts';
import { mintWebhookSecret } from './sign.ts';

export interface EndpointFields {
  readonly url: string;
  readonly description: string;
  readonly events: readonly string[];
  readonly state: 'active' | 'paused';
}

/** The secret is in what this gives and nowhere else. Throws Fault('webhooks_exhausted'). */
export async function createEndpoint(
  context: WebhookContext,
  { organisation, ...fields }: EndpointFields & { readonly organisation: string | null },
  author: Author,
): Promise<{ readonly endpoint: WebhookEndpoint; readonly secret: string }> {
  const id = `we_${base62(16)}`;
  const secret = mintWebhookSecret();
  const endpoint = await context.store.db.transaction().execute(async transaction => {
    // One after the other, or several at once would pass the bound together.
    await sql`select pg_advisory_xact_lock(hashtextextended(${`webhooks of ${organisation ?? ''}`}, 0))`.execute(
      transaction,
    );
    const { count } = await transaction
      .selectFrom('webhook_endpoint')
      .select(eb => eb.fn.countAll<bigint>().as('count'))
      .where('organisation', 'is not distinct from', organisation)
      .executeTakeFirstOrThrow();
    if (count >= endpointsPerOrganisationMax) throw new Fault('webhooks_exhausted');
    const row = await transaction
      .insertInto('webhook_endpoint')
      .values({
        id,
        organisation,
        ...fields,
        events: [...fields.events],
        secret_sealed: context.secrets.seal(secret, secretContext(id)),
        previous_sealed: null,
        previous_until: null,
        failing_since: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await record(transaction, author, { action: 'webhooks.create', before: undefined, after: row });
    return toEndpoint(row);
  });
  return { endpoint, secret };
}

/** Switched on again, it starts anew: what failed before counts no more. Throws Fault('resource_not_found'). */
export async function changeEndpoint(
  context: WebhookContext,
  { id, ...fields }: Partial<EndpointFields> & { readonly id: string },
  author: Author,
): Promise<WebhookEndpoint> {
  return context.store.db.transaction().execute(async transaction => {
    const before = await lock(transaction, id);
    const { events, ...rest } = fields;
    const after = await transaction
      .updateTable('webhook_endpoint')
      .set({
        ...rest,
        ...(events === undefined ? {} : { events: [...events] }),
        ...(fields.state === 'active' || fields.url !== undefined ? { failing_since: null } : {}),
        updated_at: new Date(),
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
    await record(transaction, author, { action: 'webhooks.write', before, after });
    return toEndpoint(after);
  });
}

/** What waits for it goes with it. Throws Fault('resource_not_found'). */
export async function removeEndpoint(context: WebhookContext, id: string, author: Author): Promise<void> {
  await context.store.db.transaction().execute(async transaction => {
    const before = await lock(transaction, id);
    await transaction.deleteFrom('webhook_endpoint').where('id', '=', id).execute();
    await record(transaction, author, { action: 'webhooks.delete', before, after: undefined });
  });
}

/** Another secret; the one before signs, too, for so long. One that was there before that one signs no more.
 *  Throws Fault('resource_not_found'). */
export async function rotateEndpointSecret(
  context: WebhookContext,
  { id, overlapSeconds }: { readonly id: string; readonly overlapSeconds: number },
  author: Author,
): Promise<{ readonly endpoint: WebhookEndpoint; readonly secret: string }> {
  const secret = mintWebhookSecret();
  const endpoint = await context.store.db.transaction().execute(async transaction => {
    const before = await lock(transaction, id);
    const overlap =
      overlapSeconds === 0
        ? { previous_sealed: null, previous_until: null }
        : {
            previous_sealed: before.secret_sealed,
            previous_until: new Date(context.nowMs() + overlapSeconds * 1_000),
          };
    const after = await transaction
      .updateTable('webhook_endpoint')
      .set({ secret_sealed: context.secrets.seal(secret, secretContext(id)), ...overlap, updated_at: new Date() })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
    await record(transaction, author, { action: 'webhooks.rotate', before, after });
    return toEndpoint(after);
  });
  return { endpoint, secret };
}

export async function listEndpoints(
  { store }: Pick<WebhookContext, 'store'>,
  filter: { readonly organisations?: readonly string[] | undefined; readonly organisation?: string | undefined },
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<readonly WebhookEndpoint[]> {
  let query = store.db.selectFrom('webhook_endpoint').selectAll().orderBy('id').limit(page.limit);
  if (page.after !== undefined) query = query.where('id', '>', page.after);
  if (filter.organisation !== undefined) query = query.where('organisation', '=', filter.organisation);
  if (filter.organisations !== undefined) query = query.where('organisation', 'in', ['', ...filter.organisations]);
  return (await query.execute()).map(toEndpoint);
}

/** Throws Fault('resource_not_found'). */
export async function findEndpoint({ store }: Pick<WebhookContext, 'store'>, id: string): Promise<WebhookEndpoint> {
  const row = await store.db.selectFrom('webhook_endpoint').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw new Fault('resource_not_found', `There is no webhook ${id}.`);
  return toEndpoint(row);
}

type Row = Selectable<WebhookEndpointTable>;

async function lock(transaction: Transaction<Tables>, id: string): Promise<Row> {
  const row = await transaction
    .selectFrom('webhook_endpoint')
    .selectAll()
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw new Fault('resource_not_found', `There is no webhook ${id}.`);
  return row;
}

function record(
  transaction: Transaction<Tables>,
  author: Author,
  {
    action,
    before,
    after,
  }: { readonly action: string; readonly before: Row | undefined; readonly after: Row | undefined },
): Promise<void> {
  const row = (after ?? before)!; // one side is there
  return recordAudit(transaction, {
    ...author,
    organisation: row.organisation,
    action,
    target: `webhook:${row.id}`,
    before: before && shown(before),
    after: after && shown(after),
  });
}

/** An address may carry a secret in its query: the log is told that there is one. */
function shown({ url, description, events, state }: Row) {
  const { origin, pathname, search } = new URL(url);
  return { url: `${origin}${pathname}${search === '' ? '' : '?(redacted)'}`, description, events, state };
}

function toEndpoint(row: Row): WebhookEndpoint {
  return {
    id: row.id,
    organisation: row.organisation,
    url: row.url,
    description: row.description,
    events: row.events,
    state: row.state,
    previousUntil: row.previous_until,
    failingSince: row.failing_since,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
