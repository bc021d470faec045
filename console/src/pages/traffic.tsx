import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, ask, type Schemas } from '../api/client.ts';
import { money, time } from '../format.ts';
import { Badge, Button, Card, Empty, Failed, Input, Page, Select, Waiting } from '../ui/parts.tsx';
import { Table } from '../ui/table.tsx';
import { OutcomeBadge, StatusBadge } from './status-badge.tsx';

const route = getRouteApi('/inside/traffic');
type Summary = Schemas['ExchangeSummary'];
type Search = ReturnType<typeof route.useSearch>;

const pageSize = 50;
/** A live page shows so many: what scrolled by is found again without `live`. */
const liveMax = 100;

/** Exchanges, newest first, a page at a time; or as they end. */
export function Traffic() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const change = (part: Partial<Search>) => void navigate({ to: '/traffic', search: { ...search, ...part } });
  return (
    <Page
      title="Traffic"
      actions={
        <Button
          aria-pressed={search.live === true}
          onClick={() => change({ live: search.live === true ? undefined : true })}
        >
          <span
            aria-hidden="true"
            className={`size-2 rounded-full ${search.live === true ? 'animate-pulse bg-good' : 'bg-line-strong'}`}
          />
          Live
        </Button>
      }
    >
      <Filters search={search} change={change} />
      <Card className="mt-3">{search.live === true ? <Live search={search} /> : <Paged search={search} />}</Card>
    </Page>
  );
}

function queryOf({ status, outcome, model, key }: Search) {
  return {
    ...(status === undefined ? {} : { status: status as Summary['status'] }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(model === undefined ? {} : { requestedModel: model }),
    ...(key === undefined ? {} : { key }),
  };
}

function Filters({ search, change }: { readonly search: Search; readonly change: (part: Partial<Search>) => void }) {
  const [model, setModel] = useState(search.model ?? '');
  const [key, setKey] = useState(search.key ?? '');
  const filtered = search.status ?? search.outcome ?? search.model ?? search.key;
  return (
    <form
      className="flex flex-wrap gap-2"
      onSubmit={event => {
        event.preventDefault();
        change({ model: model.trim() || undefined, key: key.trim() || undefined });
      }}
    >
      <Select
        aria-label="Booked as"
        value={search.status ?? ''}
        onChange={event => change({ status: event.target.value || undefined })}
      >
        <option value="">Booked as anything</option>
        {['settled', 'estimated', 'void', 'quarantined'].map(status => (
          <option key={status} value={status}>
            {status}
          </option>
        ))}
      </Select>
      <Select
        aria-label="Outcome"
        value={search.outcome ?? ''}
        onChange={event => change({ outcome: event.target.value || undefined })}
      >
        <option value="">Any outcome</option>
        {outcomes.map(outcome => (
          <option key={outcome} value={outcome}>
            {outcome}
          </option>
        ))}
      </Select>
      <Input
        className="max-w-56"
        aria-label="Requested model"
        placeholder="Requested model"
        value={model}
        onChange={event => setModel(event.target.value)}
      />
      <Input
        className="max-w-40"
        aria-label="Key"
        placeholder="Key (8 letters)"
        value={key}
        onChange={event => setKey(event.target.value)}
      />
      <Button type="submit">Filter</Button>
      {filtered !== undefined && (
        <Button
          kind="quiet"
          onClick={() => {
            setModel('');
            setKey('');
            change({ status: undefined, outcome: undefined, model: undefined, key: undefined });
          }}
        >
          Clear
        </Button>
      )}
    </form>
  );
}

/** Those that people look for; any other is in the address. */
const outcomes = [
  'ok',
  'client_aborted',
  'upstream_error',
  'upstream_rate_limited',
  'upstream_overloaded',
  'upstream_truncated',
  'deadline_exceeded',
];

function Paged({ search }: { readonly search: Search }) {
  const list = useInfiniteQuery({
    queryKey: ['exchanges', queryOf(search)],
    queryFn: ({ pageParam }) =>
      ask(
        api.GET('/api/v1/exchanges', {
          params: { query: { ...queryOf(search), limit: pageSize, ...(pageParam === '' ? {} : { after: pageParam }) } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: page => page.next,
  });
  if (list.isPending) return <Waiting rows={12} />;
  if (list.isError) return <Failed error={list.error} again={() => void list.refetch()} />;
  const exchanges = list.data.pages.flatMap(({ items }) => items);
  if (exchanges.length === 0) return <Empty title="No exchange fits">Take a filter away, or send a request.</Empty>;
  return (
    <>
      <Exchanges exchanges={exchanges} />
      {list.hasNextPage && (
        <div className="border-t border-line p-3 text-center">
          <Button disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {list.isFetchingNextPage ? 'Loading …' : 'Show more'}
          </Button>
        </div>
      )}
    </>
  );
}

function Live({ search }: { readonly search: Search }) {
  const list = useQuery({
    queryKey: ['exchanges-live', queryOf(search)],
    queryFn: () => ask(api.GET('/api/v1/exchanges', { params: { query: { ...queryOf(search), limit: liveMax } } })),
    refetchInterval: 2_000,
  });
  if (list.isPending) return <Waiting rows={12} />;
  if (list.isError) return <Failed error={list.error} again={() => void list.refetch()} />;
  if (list.data.items.length === 0) return <Empty title="Waiting for exchanges">They appear here as they end.</Empty>;
  return <Exchanges exchanges={list.data.items} />;
}

function Exchanges({ exchanges }: { readonly exchanges: readonly Summary[] }) {
  return (
    <Table
      label="Exchanges"
      rows={exchanges}
      keyOf={({ id }) => id}
      columns={[
        {
          title: 'When',
          of: ({ id, at }) => (
            <Link to="/traffic/$id" params={{ id }} className="whitespace-nowrap hover:text-accent hover:underline">
              {time(at)}
            </Link>
          ),
        },
        {
          title: 'Model',
          of: ({ requestedModel, sandbox }) => (
            <span className="inline-flex items-center gap-2">
              {requestedModel} {sandbox && <Badge>sandbox</Badge>}
            </span>
          ),
        },
        { title: 'Outcome', of: ({ outcome }) => <OutcomeBadge outcome={outcome} /> },
        { title: 'Booked', of: ({ status }) => <StatusBadge status={status} /> },
        { title: 'Dialect', of: ({ dialect }) => dialect, wide: true },
        {
          title: 'For',
          of: ({ principal }) => (
            <span className="whitespace-nowrap text-ink-2">
              {principal.project} <span className="font-mono text-[12px]">{principal.key}</span>
            </span>
          ),
          wide: true,
        },
        {
          title: 'Charged',
          of: ({ sell }) => (sell === null ? '–' : money(sell.amount, sell.currency)),
          align: 'right',
        },
      ]}
    />
  );
}
