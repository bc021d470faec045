import { createHash, timingSafeEqual } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { actorText, adminKeyCaller, type Caller } from '../access/caller.ts';
import { Fault } from '../completion/fault.ts';
import { authoriseAtAll, hideOthers } from './authorise.ts';
import { budgetOperations } from './budgets.ts';
import { catalogueOperations } from './catalogue.ts';
import { configurationOperations } from './configuration.ts';
import { correctionOperations } from './corrections.ts';
import { decisionOperations } from './decisions.ts';
import type { AdminDependencies } from './dependencies.ts';
import { exchangeOperations } from './exchanges.ts';
import { answerOnce } from './idempotency.ts';
import { jobOperations } from './jobs.ts';
import { keyOperations } from './keys.ts';
import { ledgerOperations } from './ledger.ts';
import { callOperation, describeOperation, type Operation, readCall, streamOperation } from './operation.ts';
import { priceOperations } from './prices.ts';
import { problemResponse, toProblem } from './problem.ts';
import { readBody } from './read-body.ts';
import { reportOperations } from './reports.ts';
import { usageEventOperations } from './usage-events.ts';
import { walletOperations } from './wallets.ts';

export function operations(dependencies: AdminDependencies): readonly Operation[] {
  return [
    ...configurationOperations(dependencies),
    ...keyOperations(dependencies),
    ...catalogueOperations(dependencies),
    ...priceOperations(dependencies),
    ...exchangeOperations(dependencies),
    ...decisionOperations(dependencies),
    ...budgetOperations(dependencies),
    ...walletOperations(dependencies),
    ...jobOperations(dependencies),
    ...usageEventOperations(dependencies),
    ...ledgerOperations(dependencies),
    ...correctionOperations(dependencies),
    ...reportOperations(dependencies),
  ];
}

/** The management API as a fetch handler; who listens is another's concern. */
export function createAdminApp(dependencies: AdminDependencies): OpenAPIHono {
  const app = new OpenAPIHono();
  const isAdmin = adminKeyCheck(dependencies.adminKey);
  const all = operations(dependencies);

  app.onError(error => {
    const problem = toProblem(error);
    if (problem.code === 'internal') dependencies.unexpected(error);
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
      const caller = identify(context.req.raw);
      authoriseAtAll(operation.access, caller);
      try {
        return await answer(operation, context, caller);
      } catch (error) {
        throw hideOthers(operation.access, caller, error);
      }
    });
  }
  return app;

  function identify(request: Request): Caller {
    if (isAdmin(request.headers.get('authorization') ?? undefined)) return adminKeyCaller();
    throw new Fault('admin_key_invalid');
  }

  async function answer(operation: Operation, context: Context, caller: Caller): Promise<Response> {
    const body = operation.body === undefined ? '' : await readBody(context.req.raw);
    const call = readCall(operation, context, body, caller);
    if (operation.contentType === 'text/csv') {
      const stream = await streamOperation(operation, call);
      context.header('content-type', 'text/csv; charset=utf-8; header=present');
      return context.body(stream);
    }
    const idempotencyKey = operation.method === 'post' ? context.req.header('idempotency-key') : undefined;
    const made =
      idempotencyKey === undefined
        ? { ...(await callOperation(operation, call)), replayed: false }
        : await answerOnce(
            { store: dependencies.store, sealer: dependencies.sealer, nowMs: dependencies.nowMs() },
            // Of this caller and this very path: nobody gets the answer that another got, or that another thing gave.
            { key: idempotencyKey, path: `${actorText(caller.actor)} ${context.req.path}`, body },
            () => callOperation(operation, call),
          );
    if (made.replayed) context.header('idempotent-replayed', 'true');
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
  app.openAPIRegistry.registerComponent('securitySchemes', 'adminKey', { type: 'http', scheme: 'bearer' });
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Common Carrier management API', version: release },
    servers: [{ url: '/' }],
  });
}

/** Digests have one length, so neither the guess's length nor its beginning shows in the time. */
function adminKeyCheck(adminKey: string): (authorization: string | undefined) => boolean {
  const digestOf = (text: string) => createHash('sha256').update(text).digest();
  const expected = digestOf(adminKey);
  return authorization => {
    const presented = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    return timingSafeEqual(digestOf(presented ?? ''), expected) && presented !== undefined;
  };
}
