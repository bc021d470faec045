import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import { type Period, readPeriod } from './period.ts';
import { sessionQuery } from './session.tsx';
import { PageFailed, PageMissing, Shell } from './shell.tsx';

interface Context {
  readonly client: QueryClient;
}

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  notFoundComponent: PageMissing,
  errorComponent: ({ error }) => <PageFailed error={error} />,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { to?: string } =>
    typeof search['to'] === 'string' && /^\/(?!\/)/.test(search['to']) ? { to: search['to'] } : {},
  component: lazyRouteComponent(() => import('./pages/sign-in.tsx'), 'SignIn'),
});

/** Everything behind the login; who is not logged in comes back to where they wanted to be. */
const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  beforeLoad: async ({ context, location }) => {
    const who = await context.client.ensureQueryData(sessionQuery);
    if (who !== null) return;
    const to = location.href === '/' ? {} : { to: location.href };
    throw redirect({ to: '/sign-in', search: to });
  },
  component: Shell,
});

const periodSearch = (search: Record<string, unknown>): { period?: Period } =>
  search['period'] === undefined ? {} : { period: readPeriod(search['period']) };
interface TrafficSearch {
  readonly live?: true | undefined;
  readonly status?: string | undefined;
  readonly outcome?: string | undefined;
  readonly model?: string | undefined;
  readonly key?: string | undefined;
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

const overview = createRoute({
  getParentRoute: () => inside,
  path: '/',
  validateSearch: periodSearch,
  component: lazyRouteComponent(() => import('./pages/overview.tsx'), 'Overview'),
});

const traffic = createRoute({
  getParentRoute: () => inside,
  path: '/traffic',
  validateSearch: (search: Record<string, unknown>): TrafficSearch => ({
    live: search['live'] === true ? true : undefined,
    status: text(search['status']),
    outcome: text(search['outcome']),
    model: text(search['model']),
    key: text(search['key']),
  }),
  component: lazyRouteComponent(() => import('./pages/traffic.tsx'), 'Traffic'),
});

const exchange = createRoute({
  getParentRoute: () => inside,
  path: '/traffic/$id',
  component: lazyRouteComponent(() => import('./pages/exchange.tsx'), 'Exchange'),
});

const models = createRoute({
  getParentRoute: () => inside,
  path: '/models',
  validateSearch: (search: Record<string, unknown>): { find?: string | undefined } => ({ find: text(search['find']) }),
  component: lazyRouteComponent(() => import('./pages/models.tsx'), 'Models'),
});

const keys = createRoute({
  getParentRoute: () => inside,
  path: '/keys',
  component: lazyRouteComponent(() => import('./pages/keys.tsx'), 'Keys'),
});

const routes = root.addChildren([signIn, inside.addChildren([overview, traffic, exchange, models, keys])]);

export function createConsoleRouter(client: QueryClient) {
  return createRouter({ routeTree: routes, basepath: '/console', context: { client }, defaultPreload: 'intent' });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
