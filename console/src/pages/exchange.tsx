import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { api, ask, type Schemas } from '../api/client.ts';
import { count, duration, money, time } from '../format.ts';
import { Badge, Card, Copy, Empty, Failed, Page, Stat, Waiting } from '../ui/parts.tsx';
import { Table } from '../ui/table.tsx';
import { OutcomeBadge, StatusBadge } from './status-badge.tsx';

const route = getRouteApi('/inside/traffic/$id');

/** What src/ledger/queries.ts shows beyond what OpenAPI promises. */
type Whole = Schemas['Exchange'] & {
  readonly stream: boolean;
  readonly outcome: string;
  readonly durationMs: number;
  readonly firstByteMs: number | null;
  readonly servedModel: string | null;
  readonly losses: readonly { readonly code: string; readonly path: string }[];
  readonly hold: { readonly amount: string; readonly currency: string };
  readonly tags: Readonly<Record<string, string>>;
  readonly lines: readonly {
    readonly book: 'buy' | 'sell';
    readonly attempt: number;
    readonly lines: readonly { readonly meter: string; readonly quantity: number; readonly amount: string }[];
  }[];
  readonly corrections: readonly unknown[];
};
type Attempt = Schemas['Exchange']['attempts'][number] & {
  readonly attempt: number;
  readonly provider: string;
  readonly dialect: string;
  readonly startedAt: string;
  readonly firstByteMs: number | null;
  readonly durationMs: number;
  readonly upstreamStatus: number | null;
};

/** One exchange in full: what was tried, what was used, what it cost whom, and what a translation lost. */
export function Exchange() {
  const { id } = route.useParams();
  const exchange = useQuery({
    queryKey: ['exchange', id],
    queryFn: async () => (await ask(api.GET('/api/v1/exchanges/{id}', { params: { path: { id } } }))) as Whole,
  });
  return (
    <Page
      title={
        <span className="flex flex-wrap items-center gap-3">
          Exchange
          {exchange.isSuccess && <OutcomeBadge outcome={exchange.data.outcome} />}
          {exchange.isSuccess && <StatusBadge status={exchange.data.status} />}
        </span>
      }
      lead={<span className="font-mono text-[12px] break-all">{id}</span>}
      actions={<Copy text={id} />}
    >
      {exchange.isPending && <Waiting rows={12} />}
      {exchange.isError && <Failed error={exchange.error} again={() => void exchange.refetch()} />}
      {exchange.isSuccess && <Found exchange={exchange.data} />}
    </Page>
  );
}

function Found({ exchange }: { readonly exchange: Whole }) {
  const { sell, hold, reading, losses, tags } = exchange;
  const attempts = exchange.attempts as unknown as readonly Attempt[]; // as the ledger shows them
  const tagged = Object.entries(tags);
  return (
    <div className="space-y-6">
      <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Stat
          label="Charged"
          value={sell === null ? '–' : money(sell.amount, sell.currency)}
          note={sell === null ? `held ${money(hold.amount, hold.currency)}` : `by ${sell.version}`}
        />
        <Stat label="Took" value={duration(exchange.durationMs)} note={time(exchange.at)} />
        <Stat label="First byte" value={duration(exchange.firstByteMs)} note={exchange.stream ? 'streamed' : 'whole'} />
        <Stat
          label="Attempts"
          value={attempts.length}
          note={exchange.queuedMs === null ? 'no wait' : `waited ${duration(exchange.queuedMs)}`}
        />
      </div>
      <Card title="Attempts">
        {attempts.length === 0 ? (
          <Empty title="Nothing was sent to a provider" />
        ) : (
          <Waterfall exchange={exchange} attempts={attempts} />
        )}
      </Card>
      <div className="grid gap-6 xl:grid-cols-2">
        <Card title="What was used" className="min-w-0">
          {reading === null ? <Empty title="Nothing that is charged" /> : <Slices exchange={exchange} />}
        </Card>
        <div className="min-w-0 space-y-6">
          <Card title="What a translation lost or changed">
            {losses.length === 0 ? (
              <Empty title="Nothing" />
            ) : (
              <Table
                label="Losses"
                rows={losses}
                keyOf={({ code, path }) => `${code} ${path}`}
                columns={[
                  { title: 'Code', of: ({ code }) => <span className="font-mono text-[12px]">{code}</span> },
                  { title: 'Where', of: ({ path }) => <span className="font-mono text-[12px] break-all">{path}</span> },
                ]}
              />
            )}
          </Card>
          <Card title="Asked">
            <dl className="divide-y divide-line">
              <Fact name="Model">{exchange.requestedModel}</Fact>
              <Fact name="Served">{exchange.servedModel ?? '–'}</Fact>
              <Fact name="Dialect">{exchange.dialect}</Fact>
              <Fact name="Project">{exchange.principal.project}</Fact>
              <Fact name="Key">
                <Link
                  to="/traffic"
                  search={{ key: exchange.principal.key }}
                  className="font-mono hover:text-accent hover:underline"
                >
                  {exchange.principal.key}
                </Link>
              </Fact>
              {tagged.length > 0 && (
                <Fact name="Tags">{tagged.map(([name, value]) => `${name}=${value}`).join(', ')}</Fact>
              )}
            </dl>
          </Card>
        </div>
      </div>
    </div>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="flex justify-between gap-4 px-4 py-2">
      <dt className="text-ink-2">{name}</dt>
      <dd className="min-w-0 break-words text-right">{children}</dd>
    </div>
  );
}

/** Attempts under one another on one axis of time; what came before the first byte is lighter. */
function Waterfall({ exchange, attempts }: { readonly exchange: Whole; readonly attempts: readonly Attempt[] }) {
  const startMs = Date.parse(exchange.at);
  const wholeMs = Math.max(
    exchange.durationMs,
    1,
    ...attempts.map(({ startedAt, durationMs }) => Date.parse(startedAt) - startMs + durationMs),
  );
  return (
    <ol className="divide-y divide-line">
      {attempts.map(attempt => {
        const { deployment, provider, targetModel, outcome, startedAt, durationMs, firstByteMs, upstreamStatus, buy } =
          attempt;
        const fromMs = Math.max(0, Date.parse(startedAt) - startMs);
        const waitedMs = firstByteMs ?? durationMs;
        const tone = outcome === 'ok' ? 'var(--good)' : 'var(--bad)';
        return (
          <li key={attempt.attempt} className="px-4 py-3">
            <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
              <span className="font-medium">{deployment}</span>
              <span className="text-ink-2">
                {provider} · {targetModel} · {attempt.dialect}
              </span>
              <OutcomeBadge outcome={outcome} />
              {upstreamStatus !== null && <Badge>HTTP {upstreamStatus}</Badge>}
              <span className="ml-auto text-ink-2">
                {buy === null ? 'no cost' : `cost ${money(buy.amount, buy.currency)}`}
              </span>
            </div>
            <svg
              viewBox="0 0 1000 14"
              preserveAspectRatio="none"
              className="mt-2 h-3.5 w-full"
              role="img"
              aria-label={`Began after ${duration(fromMs)}, first byte after ${duration(waitedMs)}, took ${duration(durationMs)}`}
            >
              <rect x="0" y="0" width="1000" height="14" rx="3" fill="var(--sunken)" />
              <rect
                x={(1000 * fromMs) / wholeMs}
                y="2"
                width={Math.max(3, (1000 * durationMs) / wholeMs)}
                height="10"
                rx="2"
                fill={tone}
              />
              <rect
                x={(1000 * fromMs) / wholeMs}
                y="2"
                width={Math.max(0, (1000 * waitedMs) / wholeMs)}
                height="10"
                rx="2"
                fill="var(--surface)"
                opacity="0.45"
              />
            </svg>
            <p className="mt-1 text-[12px] text-ink-2">
              began after {duration(fromMs)}, first byte after {duration(firstByteMs)}, took {duration(durationMs)}
            </p>
          </li>
        );
      })}
    </ol>
  );
}

function Slices({ exchange }: { readonly exchange: Whole }) {
  const { reading, lines, sell } = exchange;
  const sold = lines.filter(({ book }) => book === 'sell').flatMap(({ lines: each }) => each);
  const { source, rule } = reading as { readonly source: string; readonly rule?: string };
  return (
    <>
      {sold.length > 0 ? (
        <Table
          label="Charged lines"
          rows={sold}
          keyOf={({ meter, quantity, amount }) => `${meter} ${quantity} ${amount}`}
          columns={[
            { title: 'Meter', of: ({ meter }) => meter },
            { title: 'Quantity', of: ({ quantity }) => count(quantity), align: 'right' },
            { title: 'Charged', of: ({ amount }) => money(amount, sell?.currency), align: 'right' },
          ]}
        />
      ) : (
        <Empty title="No line was charged" />
      )}
      <p className="border-t border-line px-4 py-2 text-[12px] text-ink-2">
        {source === 'estimated'
          ? `Estimated by the rule ${rule ?? ''}`
          : source === 'provider'
            ? 'As the provider reported it'
            : 'Nothing was used'}
      </p>
    </>
  );
}
