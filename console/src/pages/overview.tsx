import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { api, ask, type Schemas } from '../api/client.ts';
import { ago, compact, count, countOf, money, percent } from '../format.ts';
import { type Period, periodNames, periods, piecesOf, spanOf } from '../period.ts';
import { mayOperate, useWho } from '../session.tsx';
import { TimeChart } from '../ui/chart.tsx';
import { Badge, Card, Code, Empty, Failed, Page, Select, Stat, Waiting } from '../ui/parts.tsx';
import { Table } from '../ui/table.tsx';
import { HealthBadge } from './health-badge.tsx';

const route = getRouteApi('/inside/');

type Row = Schemas['Report']['rows'][number];

/** What is used, what it costs and how it goes. */
export function Overview() {
  const { period = '7d' } = route.useSearch();
  const navigate = useNavigate();
  const who = useWho();
  const operates = who !== null && who !== undefined && mayOperate(who);
  return (
    <Page
      title="Overview"
      actions={
        <Select
          aria-label="Period"
          value={period}
          onChange={event => void navigate({ to: '/', search: { period: event.target.value as Period } })}
        >
          {periods.map(each => (
            <option key={each} value={each}>
              {periodNames[each]}
            </option>
          ))}
        </Select>
      }
    >
      <Usage period={period} />
      <div className="mt-6 grid gap-6 xl:grid-cols-2">
        <ByModel period={period} />
        {operates && <Health />}
      </div>
      {operates && <Alerts />}
    </Page>
  );
}

function useReport(period: Period, by: string, grain: 'total' | 'hour' | 'day') {
  const span = spanOf(period);
  return useQuery({
    queryKey: ['report', 'usage', by, grain, span.from, span.to],
    queryFn: () =>
      ask(
        api.GET('/api/v1/reports/usage', {
          params: { query: { by, grain, from: span.from, to: span.to, class: 'inference', limit: 5_000 } },
        }),
      ),
    refetchInterval: 30_000,
  });
}

function sum(rows: readonly Row[], column: string): number {
  return rows.reduce((total, row) => total + countOf(row[column]), 0);
}

const tokenColumns = [
  'inputUncached',
  'cacheRead',
  'cacheWrite5m',
  'cacheWrite1h',
  'inputAudio',
  'inputImage',
  'inputVideo',
  'output',
  'reasoning',
  'outputAudio',
  'outputImage',
];
const tokensOf = (row: Row) => tokenColumns.reduce((total, column) => total + countOf(row[column]), 0);

function Usage({ period }: { readonly period: Period }) {
  const span = spanOf(period);
  const report = useReport(period, '', span.grain);
  if (report.isPending) return <Waiting rows={9} />;
  if (report.isError) return <Failed error={report.error} again={() => void report.refetch()} />;
  const { rows, totals } = report.data;
  const requests = sum(rows, 'requests');
  if (requests === 0) return <FirstRequest />;
  const failures = sum(rows, 'failures');
  const charged = totals.filter(({ currency }) => currency !== null);
  const times = piecesOf(span);
  const at = new Map(rows.map(row => [Date.parse(String(row['period'])), row]));
  const values = (of: (row: Row) => number) =>
    times.map(ms => {
      const row = at.get(ms);
      return row === undefined ? 0 : of(row);
    });
  return (
    <>
      <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Stat label="Requests" value={compact(requests)} note={periodNames[period].toLowerCase()} />
        <Stat label="Tokens" value={compact(rows.reduce((total, row) => total + tokensOf(row), 0))} note="in and out" />
        <Stat
          label="Charged"
          value={charged.length === 0 ? '–' : charged.map(row => money(row['sell'], row.currency)).join(' + ')}
          note={charged.map(row => `cost ${money(row['buy'], row.currency)}`).join(', ')}
        />
        <Stat
          label="Failed"
          value={percent(failures, requests)}
          note={failures === 0 ? 'no failure' : `${count(failures)} of ${count(requests)}`}
        />
      </div>
      <div className="mt-3 grid gap-3 xl:grid-cols-2">
        <Card title={`Requests per ${span.grain}`} className="min-w-0">
          <div className="p-3">
            <TimeChart
              label={`Requests per ${span.grain}: ${count(requests)} in all, ${count(failures)} failed`}
              timesMs={times}
              lines={[
                { label: 'Requests', values: values(row => countOf(row['requests'])) },
                { label: 'Failed', values: values(row => countOf(row['failures'])) },
              ]}
              format={compact}
            />
          </div>
        </Card>
        <Card title={`Tokens per ${span.grain}`} className="min-w-0">
          <div className="p-3">
            <TimeChart
              label={`Tokens per ${span.grain}`}
              timesMs={times}
              lines={[
                {
                  label: 'Input',
                  values: values(row => tokensOf(row) - countOf(row['output']) - countOf(row['reasoning'])),
                },
                { label: 'Output', values: values(row => countOf(row['output']) + countOf(row['reasoning'])) },
              ]}
              format={compact}
            />
          </div>
        </Card>
      </div>
    </>
  );
}

/** Nothing was asked yet: the shortest way to a first answer. */
function FirstRequest() {
  const models = useQuery({
    queryKey: ['models', 'first'],
    queryFn: () => ask(api.GET('/api/v1/models', { params: { query: { limit: 50 } } })),
  });
  const model = models.data?.items.find(({ priced }) => priced)?.id;
  return (
    <Card title="Send a first request">
      <div className="space-y-3 p-4">
        <p className="text-ink-2">
          Nothing was asked in this time. Any OpenAI, Anthropic, Gemini, Cohere or Bedrock client works: its base URL is
          this server, its key is one of{' '}
          <Link to="/keys" className="text-accent underline">
            yours
          </Link>
          . What it asked is here a moment later.
        </p>
        {model !== undefined && (
          <Code label="A first request">{`curl -s ${location.origin}/v1/chat/completions \\
  -H "Authorization: Bearer $CARRIER_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '${JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }] })}'`}</Code>
        )}
        {models.isSuccess && model === undefined && (
          <p>No model has a deployment with prices yet: declare providers, deployments and prices first.</p>
        )}
      </div>
    </Card>
  );
}

function ByModel({ period }: { readonly period: Period }) {
  const report = useReport(period, 'model', 'total');
  return (
    <Card title="Models" className="min-w-0">
      {report.isPending && <Waiting />}
      {report.isError && <Failed error={report.error} again={() => void report.refetch()} />}
      {report.isSuccess && report.data.rows.length === 0 && <Empty title="No model was used in this time" />}
      {report.isSuccess && report.data.rows.length > 0 && (
        <Table
          label="Models"
          rows={[...report.data.rows]
            .sort((one, other) => countOf(other['requests']) - countOf(one['requests']))
            .slice(0, 10)}
          keyOf={row => `${row['model']} ${row.currency}`}
          columns={[
            {
              title: 'Model',
              of: row =>
                row['model'] === '' ? (
                  <span className="text-ink-3">sent nowhere</span>
                ) : (
                  <Link
                    to="/models"
                    search={{ find: String(row['model']) }}
                    className="hover:text-accent hover:underline"
                  >
                    {String(row['model'])}
                  </Link>
                ),
            },
            { title: 'Requests', of: row => count(row['requests']), align: 'right' },
            { title: 'Failed', of: row => count(row['failures']), align: 'right', wide: true },
            { title: 'Tokens', of: row => compact(tokensOf(row)), align: 'right' },
            { title: 'Charged', of: row => money(row['sell'], row.currency), align: 'right' },
          ]}
        />
      )}
    </Card>
  );
}

function Health() {
  const health = useQuery({
    queryKey: ['health'],
    queryFn: () => ask(api.GET('/api/v1/health/deployments', { params: { query: { limit: 100 } } })),
    refetchInterval: 5_000,
  });
  return (
    <Card title="Deployments" className="min-w-0">
      {health.isPending && <Waiting />}
      {health.isError && <Failed error={health.error} again={() => void health.refetch()} />}
      {health.isSuccess && health.data.items.length === 0 && <Empty title="There are no deployments yet" />}
      {health.isSuccess && health.data.items.length > 0 && (
        <Table
          label="Deployments"
          rows={[...health.data.items].sort((one, other) => rank(one) - rank(other)).slice(0, 10)}
          keyOf={({ id }) => id}
          columns={[
            { title: 'Deployment', of: ({ id }) => id },
            { title: 'State', of: ({ state }) => <HealthBadge state={state} /> },
            { title: 'In flight', of: ({ concurrency }) => concurrency.inFlight, align: 'right' },
            {
              title: 'First token',
              of: ({ latency }) => (latency === null ? '–' : `${Math.round(latency.firstTokenMs)} ms`),
              align: 'right',
              wide: true,
            },
          ]}
        />
      )}
    </Card>
  );
}

/** What needs somebody comes first, then what was used last. */
function rank({ state, triedAt }: Schemas['DeploymentHealth']): number {
  const trouble = ['misconfigured', 'open', 'cooling', 'probing', 'saturated', 'recovering', 'well', 'idle'].indexOf(
    state,
  );
  return trouble * 1e14 - (triedAt === null ? 0 : Date.parse(triedAt));
}

function Alerts() {
  const alerts = useQuery({
    queryKey: ['alerts'],
    queryFn: () => ask(api.GET('/api/v1/alerts', { params: { query: { limit: 10 } } })),
    refetchInterval: 30_000,
  });
  if (!alerts.isSuccess || alerts.data.items.length === 0) return null;
  return (
    <Card title="Alerts" className="mt-6">
      <ul>
        {alerts.data.items.map(alert => (
          <li
            key={`${alert.at} ${alert.code} ${alert.message}`}
            className="flex flex-wrap gap-x-3 gap-y-1 border-b border-line px-4 py-2 last:border-0"
          >
            <Badge tone="warn">{alert.code}</Badge>
            <span className="min-w-0 flex-1">{alert.message}</span>
            <span className="text-[12px] text-ink-2">{ago(alert.at)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
