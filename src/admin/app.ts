import { createHash, timingSafeEqual } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import { Fault } from '../completion/fault.ts';
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
import { callOperation, describeOperation, type Operation, streamOperation } from './operation.ts';
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
    ...healthOperations(dependencies),
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
    if (!isAdmin(context.req.header('authorization'))) throw new Fault('admin_key_invalid');
    await next();
    // Nothing here is for a cache: the next answer may be another, and some hold a secret.
    context.header('cache-control', 'no-store');
  });

  for (const operation of all) {
    describeOperation(app, operation);
    // An id may have slashes, and what stands in front of this server may have decoded their %2F.
    const route = operation.path.replace('{id}', operation.idHasSlashes ? ':id{.+}' : ':id');
    app.on(operation.method.toUpperCase(), route, async context => {
      const body = operation.body === undefined ? '' : await readBody(context.req.raw);
      const idempotencyKey = operation.method === 'post' ? context.req.header('idempotency-key') : undefined;
      if (operation.contentType === 'text/csv') {
        const stream = await streamOperation(operation, context);
        context.header('content-type', 'text/csv; charset=utf-8; header=present');
        return context.body(stream);
      }
      const call = () => callOperation(operation, context, body);
      const answer =
        idempotencyKey === undefined
          ? { ...(await call()), replayed: false }
          : await answerOnce(
              { store: dependencies.store, sealer: dependencies.sealer, nowMs: dependencies.nowMs() },
              { key: idempotencyKey, path: operation.path, body },
              call,
            );
      if (answer.replayed) context.header('idempotent-replayed', 'true');
      context.header('content-type', answer.contentType);
      return context.body(answer.text, answer.status as 200); // one of the success statuses of the table
    });
  }
  return app;

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
