import type pg from 'pg';
import { recordAudit } from '../audit/record-audit.ts';
import type { Job } from '../jobs/job.ts';
import { noticeId, writeNotice } from '../store/notice.ts';
import { secretContext, type WebhookContext } from './context.ts';
import { fanOut } from './fan-out.ts';
import { failingMsMax, retryDelayMs } from './retry.ts';
import { type SendOutcome, sendWebhook } from './send.ts';
import { signatureHeaders } from './sign.ts';

const everyMs = 1_000;
/** Deliveries that are looked at together, of them at most so many of one endpoint, and of one that fails. */
const portion = 200;
const portionOfEndpoint = 20;
const portionOfFailing = 2;
/** Requests at once. */
const lanes = 16;
/** A run goes on while something is due, but not for ever: its progress is written between runs. */
const roundsMax = 100;

export interface DueDelivery {
  readonly id: string;
  readonly endpoint: string;
  readonly body: unknown;
  readonly attempts: number;
  readonly url: string;
  readonly organisation: string | null;
  readonly secretSealed: string;
  readonly previousSealed: string | null;
  readonly failingSince: Date | null;
}

/** Tells webhooks of what was noticed. */
export function webhookJob(context: WebhookContext): Job {
  return {
    name: 'webhooks',
    purpose: 'Delivers notices to webhooks, and tries again what failed',
    schedule: { everyMs },
    run: async ({ client, signal, progress }) => {
      while ((await fanOut(client, context.nowMs())) > 0) signal.throwIfAborted();
      const counts = { delivered: 0, failed: 0 };
      for (let round = 0; round < roundsMax; round += 1) {
        const due = await readDue(client, context.nowMs());
        if (due.length === 0) break;
        const failing = new Set<string>();
        await inLanes(due, async delivery => {
          // It stays due. One endpoint that answers nobody must not have every lane wait for it.
          if (failing.has(delivery.endpoint)) return;
          signal.throwIfAborted();
          const outcome = await attempt(context, delivery, signal);
          await recordOutcome(client, context, { delivery, outcome });
          if (outcome.problem !== undefined) failing.add(delivery.endpoint);
          counts[outcome.problem === undefined ? 'delivered' : 'failed'] += 1;
          progress({ done: counts.delivered + counts.failed });
        });
      }
      return counts;
    },
  };
}

/** One request, signed by the secret of now and, while it is good, by the one before. */
export async function attempt(
  context: Pick<WebhookContext, 'secrets' | 'policy' | 'resolve' | 'nowMs'>,
  delivery: DueDelivery,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const body = JSON.stringify(delivery.body);
  const secrets = [delivery.secretSealed, ...(delivery.previousSealed === null ? [] : [delivery.previousSealed])].map(
    sealed => context.secrets.open(sealed, secretContext(delivery.endpoint)),
  );
  const headers = signatureHeaders({ id: delivery.id, atMs: context.nowMs(), body }, secrets);
  return sendWebhook({ url: delivery.url, headers, body, signal }, context);
}

/** Written after the attempt: a process that dies in between makes it again, which receivers know by its id. */
export async function recordOutcome(
  client: Pick<pg.ClientBase, 'query'>,
  context: Pick<WebhookContext, 'nowMs' | 'random'>,
  {
    delivery,
    outcome,
    isLast = false,
  }: { readonly delivery: DueDelivery; readonly outcome: SendOutcome; readonly isLast?: boolean },
): Promise<void> {
  const nowMs = context.nowMs();
  const attempts = delivery.attempts + 1;
  const { problem, status, retryAfterMs } = outcome;
  const delayMs = problem === undefined || isLast ? undefined : retryDelayMs(attempts, context.random(), retryAfterMs);
  const state = problem === undefined ? 'delivered' : delayMs === undefined ? 'failed' : 'waiting';
  await client.query(
    `update webhook_delivery
        set state = $2, attempts = $3, attempted_at = $4, status = $5, error = $6, due_at = $7
      where id = $1`,
    [
      delivery.id,
      state,
      attempts,
      new Date(nowMs),
      status ?? null,
      problem ?? null,
      delayMs === undefined ? null : new Date(nowMs + delayMs),
    ],
  );
  if (isLast) return;
  if (problem === undefined) {
    if (delivery.failingSince !== null) {
      await client.query('update webhook_endpoint set failing_since = null where id = $1', [delivery.endpoint]);
    }
    return;
  }
  const { rows } = await client.query(
    `update webhook_endpoint set failing_since = coalesce(failing_since, $2) where id = $1 returning failing_since`,
    [delivery.endpoint, new Date(nowMs)],
  );
  const since: Date | undefined = rows[0]?.failing_since;
  const isGone = status === 410;
  if (since === undefined || !(isGone || nowMs - since.getTime() >= failingMsMax)) return;
  await giveUp(client, delivery, { since, reason: isGone ? 'it answered that it is gone (410)' : problem });
}

/** One statement each, in an order that a crash in between only repeats. */
async function giveUp(
  client: Pick<pg.ClientBase, 'query'>,
  { endpoint, organisation }: DueDelivery,
  { since, reason }: { readonly since: Date; readonly reason: string },
): Promise<void> {
  const id = noticeId('webhook.disabled', endpoint, since.toISOString());
  const body = { webhook: endpoint, failingSince: since.toISOString(), reason };
  await writeNotice(client, { id, kind: 'webhook.disabled', organisation, body });
  const { rowCount } = await client.query(
    `update webhook_endpoint set state = 'failed', updated_at = now() where id = $1 and state = 'active'`,
    [endpoint],
  );
  if (rowCount === 1) {
    await recordAudit(client, {
      actor: 'system:webhooks',
      organisation,
      action: 'webhooks.disable',
      target: `webhook:${endpoint}`,
      after: body,
    });
  }
  await client.query(
    `update webhook_delivery set state = 'given-up', due_at = null, error = 'its webhook is disabled'
      where endpoint = $1 and state = 'waiting'`,
    [endpoint],
  );
}

async function readDue(client: pg.ClientBase, nowMs: number): Promise<readonly DueDelivery[]> {
  const { rows } = await client.query(
    `select id, endpoint, body, attempts, url, organisation, "secretSealed", "previousSealed", "failingSince"
       from (select d.id, d.endpoint, d.body, d.attempts, d.due_at, e.url, e.organisation, e.secret_sealed as "secretSealed",
                    case when e.previous_until > $1 then e.previous_sealed end as "previousSealed",
                    e.failing_since as "failingSince",
                    row_number() over (partition by d.endpoint order by d.due_at, d.number) as place
               from webhook_delivery d join webhook_endpoint e on e.id = d.endpoint and e.state = 'active'
              where d.state = 'waiting' and d.due_at <= $1) as due
      where place <= case when "failingSince" is null then ${portionOfEndpoint} else ${portionOfFailing} end
      order by due_at limit ${portion}`,
    [new Date(nowMs)],
  );
  return rows;
}

async function inLanes<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}
