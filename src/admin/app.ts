import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type Authenticated, createAuthenticate } from '../access/authenticate.ts';
import { actorText, anonymousCaller, type Caller } from '../access/caller.ts';
import { Fault } from '../completion/fault.ts';
import { accessContextOf } from './access-context.ts';
import { accountOperations } from './account.ts';
import { auditOperations } from './audit.ts';
import { RefusalLog, tellAsked } from './audit-requests.ts';
import { authoriseAtAll, hideOthers } from './authorise.ts';
import { budgetOperations } from './budgets.ts';
import { catalogueOperations } from './catalogue.ts';
import { configurationOperations } from './configuration.ts';
import { correctionOperations } from './corrections.ts';
import { decisionOperations } from './decisions.ts';
import type { AdminDependencies } from './dependencies.ts';
import { exchangeOperations } from './exchanges.ts';
import { healthOperations } from './health.ts';
import { answerOnce } from './idempotency.ts';
import { jobOperations } from './jobs.ts';
import { keyOperations } from './keys.ts';
import { ledgerOperations } from './ledger.ts';
import { limitOperations } from './limits.ts';
import { loginOperations } from './login.ts';
import { memberOperations } from './members.ts';
import { callOperation, describeOperation, type Operation, readCall, streamOperation } from './operation.ts';
import { priceOperations } from './prices.ts';
import { problemResponse, toProblem } from './problem.ts';
import { providerViewOperations } from './provider-view.ts';
import { readBody } from './read-body.ts';
import { reportOperations } from './reports.ts';
import { originOf } from './request-origin.ts';
import { usageRerateOperations } from './rerate-usage.ts';
import { resourceOperations } from './resources.ts';
import { secretOperations } from './secrets.ts';
import { serviceAccountOperations } from './service-accounts.ts';
import { usageEventOperations } from './usage-events.ts';
import { userOperations } from './users.ts';
import { credentialsOf, type Sender, visitOf } from './visit.ts';
import { walletOperations } from './wallets.ts';
import { webhookOperations } from './webhooks.ts';

export function operations(dependencies: AdminDependencies): readonly Operation[] {
  return [
    ...configurationOperations(dependencies),
    ...resourceOperations(dependencies),
    ...keyOperations(dependencies),
    ...auditOperations(dependencies),
    ...catalogueOperations(dependencies),
    ...priceOperations(dependencies),
    ...exchangeOperations(dependencies),
    ...decisionOperations(dependencies),
    ...healthOperations(dependencies),
    ...budgetOperations(dependencies),
    ...limitOperations(dependencies),
    ...walletOperations(dependencies),
    ...jobOperations(dependencies),
    ...usageEventOperations(dependencies),
    ...usageRerateOperations(dependencies),
    ...ledgerOperations(dependencies),
    ...correctionOperations(dependencies),
    ...reportOperations(dependencies),
    ...loginOperations(dependencies),
    ...accountOperations(dependencies),
    ...memberOperations(dependencies),
    ...userOperations(dependencies),
    ...serviceAccountOperations(dependencies),
    ...providerViewOperations(dependencies),
    ...secretOperations(dependencies),
    ...webhookOperations(dependencies),
  ];
}

/** Content types of answers that are sent as they come, and how they are told. */
const streamedTypes: ReadonlyMap<string, string> = new Map([
  ['text/csv', 'text/csv; charset=utf-8; header=present'],
  ['application/x-ndjson', 'application/x-ndjson'],
]);

/** The management API as a fetch handler; who listens is another's concern. */
export function createAdminApp(dependencies: AdminDependencies): OpenAPIHono {
  const app = new OpenAPIHono();
  const accessContext = accessContextOf(dependencies);
  const authenticate = createAuthenticate(accessContext, dependencies.adminKey);
  const all = operations(dependencies);

  /** For those that fail. */
  const callers = new WeakMap<Request, Caller>();
  const refusals = new RefusalLog(dependencies.store, dependencies.nowMs);

  app.onError(async (error, context) => {
    const problem = toProblem(error);
    if (problem.code === 'internal') dependencies.unexpected(error);
    if (problem.status === 401 || problem.status === 403) {
      const { method, path } = context.req;
      await refusals.tell({
        ...originOf(context),
        fault: problem.code,
        method,
        path,
        caller: callers.get(context.req.raw),
      });
    }
    return problemResponse(problem);
  });
  app.notFound(context => {
    const methods = methodsAt(context.req.path);
    if (methods.length === 0) return problemResponse(toProblem(new Fault('path_not_found')));
    const problem = toProblem(new Fault('method_not_allowed', `This path takes ${methods.join(' and ')}.`));
    return problemResponse(problem, { allow: methods.join(', ') });
  });
  app.get('/api/v1/openapi.json', context => context.json(openApiDocument(app, dependencies.release)));

  app.use('/api/*', async (context, next) => {
    await next();
    // Nothing here is for a cache: the next answer may be another, and some hold a secret.
    context.header('cache-control', 'no-store');
  });

  for (const operation of all) {
    describeOperation(app, operation);
    // An id may have slashes, and what stands in front of this server may have decoded their %2F.
    const route = operation.path.replace('{id}', operation.idHasSlashes ? ':id{.+}' : ':id');
    app.on(operation.method.toUpperCase(), route, async context => {
      const sender = await identify(operation, context);
      const { caller } = sender;
      callers.set(context.req.raw, caller);
      authoriseAtAll(operation.access, caller);
      try {
        return await answer(operation, context, sender);
      } catch (error) {
        throw hideOthers(operation.access, caller, error);
      }
    });
  }
  return app;

  /** Whoever asks for what anybody may is not looked at: an old cookie is no reason to refuse a login. */
  async function identify({ access: { scope } }: Operation, context: Context): Promise<Sender> {
    const policy = await accessContext.policy();
    const credentials = credentialsOf(context, policy);
    const authenticated: Authenticated =
      scope === 'public' ? { caller: anonymousCaller(), session: undefined } : await authenticate(credentials);
    return { caller: authenticated.caller, visit: visitOf(context, { policy, ...authenticated }) };
  }

  async function answer(operation: Operation, context: Context, sender: Sender): Promise<Response> {
    const { caller } = sender;
    const body = operation.body === undefined ? '' : await readBody(context.req.raw);
    const call = readCall(operation, context, body, sender);
    const streamedAs = streamedTypes.get(operation.contentType);
    if (streamedAs !== undefined) {
      const stream = await streamOperation(operation, call);
      context.header('content-type', streamedAs);
      return context.body(stream);
    }
    const work = () =>
      tellAsked(dependencies.store, { operation, path: context.req.path, call, bodyText: body }, () =>
        callOperation(operation, call),
      );
    const idempotencyKey = hasIdempotency(operation) ? context.req.header('idempotency-key') : undefined;
    const made =
      idempotencyKey === undefined
        ? { ...(await work()), replayed: false }
        : await answerOnce(
            { store: dependencies.store, sealer: dependencies.sealer, nowMs: dependencies.nowMs() },
            // Of this caller and this very path: nobody gets the answer that another got, or that another thing gave.
            { key: idempotencyKey, path: `${actorText(caller.actor)} ${context.req.path}`, body },
            work,
          );
    if (made.replayed) context.header('idempotent-replayed', 'true');
    for (const [name, value] of Object.entries(made.headers ?? {})) context.header(name, value);
    if (made.status === 204 || made.status === 304) return context.body(null, made.status);
    context.header('content-type', made.contentType);
    return context.body(made.text, made.status as 200); // one of the success statuses of the table
  }

  function methodsAt(path: string): readonly string[] {
    return all
      .filter(({ path: pattern, idHasSlashes }) =>
        new RegExp(`^${pattern.replace('{id}', idHasSlashes ? '.+' : '[^/]+')}$`).test(path),
      )
      .map(operation => operation.method.toUpperCase());
  }
}

/** OpenAPI 3.1, complete without a server. */
export function openApiDocument(app: OpenAPIHono, release: string) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'The admin key, the token of a login, or that of a service account.',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-carrier-session',
    description: 'Of a page; changes need x-carrier-csrf, too.',
  });
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Common Carrier management API', version: release },
    servers: [{ url: '/' }],
  });
}

/** What a login answers is not kept for whoever repeats it. */
export function hasIdempotency({ method, access: { scope } }: Pick<Operation, 'method' | 'access'>): boolean {
  return method === 'post' && scope !== 'public' && scope !== 'self';
}
