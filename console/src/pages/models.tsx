import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, ask, type Schemas } from '../api/client.ts';
import { money } from '../format.ts';
import { Badge, Button, Card, Empty, Failed, Input, Page, Waiting } from '../ui/parts.tsx';
import { Table } from '../ui/table.tsx';
import { HealthBadge } from './health-badge.tsx';

const route = getRouteApi('/inside/models');

type Deployment = Schemas['Deployment'];
type Health = Schemas['DeploymentHealth'];

const pageSize = 500;

/** Models and the deployments that serve them: where, for how much, and how they are. */
export function Models() {
  const { find } = route.useSearch();
  const navigate = useNavigate();
  const [words, setWords] = useState(find ?? '');
  const deployments = useQuery({
    queryKey: ['deployments'],
    queryFn: () => ask(api.GET('/api/v1/deployments', { params: { query: { limit: pageSize } } })),
  });
  const health = useQuery({
    queryKey: ['health', 'all'],
    queryFn: () => ask(api.GET('/api/v1/health/deployments', { params: { query: { limit: pageSize } } })),
    refetchInterval: 10_000,
    retry: false,
  });
  const healthOf = new Map(health.data?.items.map(each => [each.id, each]));
  return (
    <Page title="Models" lead="What can be asked for, where it is served, and what a million tokens cost.">
      <form
        className="mb-3 flex gap-2"
        onSubmit={event => {
          event.preventDefault();
          void navigate({ to: '/models', search: { find: words.trim() || undefined } });
        }}
      >
        <Input
          aria-label="Find a model, deployment or provider"
          placeholder="Model, deployment or provider"
          className="max-w-80"
          value={words}
          onChange={event => setWords(event.target.value)}
        />
        <Button type="submit">Find</Button>
      </form>
      <Card>
        {deployments.isPending && <Waiting rows={12} />}
        {deployments.isError && <Failed error={deployments.error} again={() => void deployments.refetch()} />}
        {deployments.isSuccess && (
          <Found
            deployments={deployments.data.items.filter(each => fits(each, find))}
            isCut={deployments.data.next !== undefined}
            healthOf={healthOf}
          />
        )}
      </Card>
    </Page>
  );
}

function fits({ id, model, provider }: Deployment, find: string | undefined): boolean {
  const words = (find ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const all = `${id} ${model} ${provider}`.toLowerCase();
  return words.every(word => all.includes(word));
}

function Found({
  deployments,
  isCut,
  healthOf,
}: {
  readonly deployments: readonly Deployment[];
  readonly isCut: boolean;
  readonly healthOf: ReadonlyMap<string, Health>;
}) {
  if (deployments.length === 0) return <Empty title="Nothing has such a name">Try fewer letters of it.</Empty>;
  return (
    <>
      <Table
        label="Deployments"
        rows={deployments}
        keyOf={({ id }) => id}
        columns={[
          { title: 'Model', of: ({ model }) => <span className="font-medium">{model}</span> },
          { title: 'Deployment', of: ({ id }) => id, wide: true },
          { title: 'Provider', of: ({ provider }) => provider },
          { title: 'Zone', of: ({ zones }) => zones.processing },
          { title: 'Input', of: ({ sell }) => rate(sell, 'input'), align: 'right' },
          { title: 'Output', of: ({ sell }) => rate(sell, 'output'), align: 'right' },
          {
            title: 'State',
            of: ({ id, missing }) => {
              if (missing.sell.length + missing.buy.length > 0) return <Badge tone="warn">no price</Badge>;
              const health = healthOf.get(id);
              return health === undefined ? '–' : <HealthBadge state={health.state} />;
            },
          },
          {
            title: 'First token',
            of: ({ id }) => {
              const latency = healthOf.get(id)?.latency;
              return latency === null || latency === undefined ? '–' : `${Math.round(latency.firstTokenMs)} ms`;
            },
            align: 'right',
            wide: true,
          },
        ]}
      />
      {isCut && (
        <p className="border-t border-line px-4 py-2 text-ink-2">The first {pageSize} deployments are shown.</p>
      )}
    </>
  );
}

/** Decimal text per unit of the rate, per million tokens as the price book writes them. */
function rate(card: Deployment['sell'], meter: 'input' | 'output') {
  const rates = card?.rates as Readonly<Record<string, unknown>> | undefined;
  const value = rates?.[meter];
  const amount = typeof value === 'string' ? value : undefined;
  return amount === undefined ? '–' : money(amount, card?.currency);
}
