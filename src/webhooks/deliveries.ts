import { base62 } from '../completion/base62.ts';
import { Fault } from '../completion/fault.ts';
import type { WebhookContext } from './context.ts';
import { attempt, type DueDelivery, recordOutcome } from './delivery-job.ts';

export const deliveryStates = ['waiting', 'delivered', 'failed', 'given-up'] as const;

/** What was, or is to be, told to one endpoint. */
export interface WebhookDelivery {
  readonly id: string;
  readonly webhook: string;
  readonly organisation: string | null;
  readonly kind: string;
  readonly state: (typeof deliveryStates)[number];
  readonly attempts: number;
  readonly createdAt: Date;
  readonly dueAt: Date | null;
  readonly attemptedAt: Date | null;
  /** Of the newest attempt; null: nothing was answered. */
  readonly status: number | null;
  readonly error: string | null;
  readonly body: unknown;
}

export interface DeliveryFilter {
  /** undefined: of all. */
  readonly organisations?: readonly string[] | undefined;
  readonly webhook?: string | undefined;
  readonly state?: WebhookDelivery['state'] | undefined;
  readonly id?: string | undefined;
}

const columns = `d.id, d.endpoint as webhook, e.organisation, d.kind, d.state, d.attempts, d.created_at as "createdAt",
  d.due_at as "dueAt", d.attempted_at as "attemptedAt", d.status, d.error, d.body, d.number`;

/** Newest first. */
export async function listDeliveries(
  { store }: Pick<WebhookContext, 'store'>,
  { organisations, webhook, state, id }: DeliveryFilter,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<{ readonly items: readonly WebhookDelivery[]; readonly next: string | undefined }> {
  const { rows } = await store.pool.query(
    `select ${columns} from webhook_delivery d join webhook_endpoint e on e.id = d.endpoint
      where ($1::text[] is null or e.organisation = any ($1)) and ($2::text is null or d.endpoint = $2)
        and ($3::text is null or d.state = $3) and ($4::text is null or d.id = $4) and ($5::bigint is null or d.number < $5)
      order by d.number desc limit $6`,
    [organisations ?? null, webhook ?? null, state ?? null, id ?? null, page.after ?? null, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const next = rows.length > page.limit ? String(shown.at(-1).number) : undefined;
  return { items: shown.map(({ number: _number, ...delivery }) => delivery as WebhookDelivery), next };
}

/** Throws Fault('resource_not_found'). */
export async function findDelivery(context: Pick<WebhookContext, 'store'>, id: string): Promise<WebhookDelivery> {
  const { items } = await listDeliveries(context, { id }, { limit: 1 });
  if (items[0] === undefined) throw new Fault('resource_not_found', `There is no delivery ${id}.`);
  return items[0];
}

/** Tells it again, under the same id, with all its attempts; one that waits is due now. */
export async function redeliver(
  { store, nowMs }: Pick<WebhookContext, 'store' | 'nowMs'>,
  id: string,
): Promise<WebhookDelivery> {
  await store.pool.query(
    `update webhook_delivery set state = 'waiting', due_at = $2, attempts = 0, error = null, status = null where id = $1`,
    [id, new Date(nowMs())],
  );
  return findDelivery({ store }, id);
}

/** Longer than an attempt can take: until then nobody else makes it. */
const testLeaseMs = 60_000;

/** One attempt, now. Paused and failed endpoints can be tested, too. */
export async function testEndpoint(context: WebhookContext, endpoint: string): Promise<WebhookDelivery> {
  const id = `msg_${base62(24)}`;
  const nowMs = context.nowMs();
  const { rows } = await context.store.pool.query(
    `with made as (
       insert into webhook_delivery (id, endpoint, kind, body, due_at)
       select $1, id, 'webhook.test',
              jsonb_build_object('type', 'webhook.test', 'timestamp', $3::text, 'organisation', organisation,
                                 'data', jsonb_build_object('webhook', id)), $4
         from webhook_endpoint where id = $2
       returning id, endpoint, body, attempts)
     select made.*, e.url, e.organisation, e.secret_sealed as "secretSealed", e.failing_since as "failingSince",
            case when e.previous_until > $3::timestamptz then e.previous_sealed end as "previousSealed"
       from made join webhook_endpoint e on e.id = made.endpoint`,
    [id, endpoint, new Date(nowMs).toISOString(), new Date(nowMs + testLeaseMs)],
  );
  const delivery = rows[0] as DueDelivery | undefined;
  if (delivery === undefined) throw new Fault('resource_not_found', `There is no webhook ${endpoint}.`);
  const outcome = await attempt(context, delivery, new AbortController().signal);
  await recordOutcome(context.store.pool, context, { delivery, outcome, isLast: true });
  return findDelivery(context, id);
}
