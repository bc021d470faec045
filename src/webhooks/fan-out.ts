import type pg from 'pg';

/** Notices of one statement. */
const noticesPerStep = 500;
/** What may wait for one endpoint, looked at once a portion; what comes beyond it is given up at once. */
export const waitingMax = 10_000;

/** Writes what is to be delivered of notices that nobody has looked at yet. Whoever is cut off has written all of a portion
 *  or nothing. Gives how many notices were looked at; call it until it is none. */
export async function fanOut(client: pg.ClientBase, nowMs: number): Promise<number> {
  const { rows } = await client.query(fanOutSql, [noticesPerStep, waitingMax, new Date(nowMs)]);
  return rows[0].looked;
}

/** The body is what is signed, so it is made once. An endpoint of the installation is told of every organisation. */
const fanOutSql = `
with untold as (
  select id, at, kind, organisation, body from notice where told_at is null order by at, id limit $1 for update skip locked
), endpoints as materialized (
  select e.id, e.organisation, e.events,
         (select count(*) from (select from webhook_delivery d where d.endpoint = e.id and d.state = 'waiting' limit $2) as w) >= $2
           as full_already
    from webhook_endpoint e where e.state = 'active' and exists (select from untold)
), made as (
  insert into webhook_delivery (id, endpoint, notice, kind, body, state, due_at, error)
  select 'msg_' || replace(gen_random_uuid()::text, '-', ''), e.id, u.id, u.kind,
         jsonb_build_object('type', u.kind, 'timestamp', to_char(u.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                            'organisation', u.organisation, 'data', u.body),
         case when full_already then 'given-up' else 'waiting' end,
         case when full_already then null else $3::timestamptz end,
         case when full_already then 'too many deliveries wait for this webhook' end
    from untold u
    join endpoints e on (e.organisation is null or e.organisation = u.organisation)
     and exists (select from unnest(e.events) as p (pattern)
                  where pattern = '*' or pattern = u.kind or (right(pattern, 2) = '.*' and starts_with(u.kind, left(pattern, -1))))
  on conflict do nothing
), told as (
  update notice n set told_at = now() from untold u where n.id = u.id
)
select count(*)::int as looked from untold`;
