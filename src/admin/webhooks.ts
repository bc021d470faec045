import { z } from '@hono/zod-openapi';
import type { Caller } from '../access/caller.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError } from '../config/problem.ts';
import { resourceOf } from '../control/resources.ts';
import {
  deliveryStates,
  findDelivery,
  listDeliveries,
  redeliver,
  testEndpoint,
  type WebhookDelivery,
} from '../webhooks/deliveries.ts';
import {
  eventKinds,
  eventPattern,
  eventsMax,
  refuseUrl,
  urlLengthMax,
  type WebhookEndpoint,
} from '../webhooks/endpoint.ts';
import {
  changeEndpoint,
  createEndpoint,
  findEndpoint,
  listEndpoints,
  removeEndpoint,
  rotateEndpointSecret,
} from '../webhooks/endpoints.ts';
import { authoriseFound } from './authorise.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation, pageLimitMax, pageOf, pageQuery } from './operation.ts';

const overlapSecondsMax = 7 * 86_400;

const fields = {
  url: z.string().max(urlLengthMax).openapi({
    description:
      'Where notices are posted to: https, at public addresses, at the usual port. Other networks only where the setting `webhooks.allowAddresses` names them.',
  }),
  description: z.string().max(200).openapi({ description: 'For people.' }),
  events: z
    .array(z.string().max(64).regex(eventPattern, { error: 'must be a kind such as key.rotated, or key.*, or *' }))
    .min(1)
    .max(eventsMax)
    .openapi({
      description: `What it is told of: \`*\` is everything, \`key.*\` all of a resource. Kinds: ${Object.entries(
        eventKinds,
      )
        .map(([kind, meaning]) => `\`${kind}\`: ${meaning}`)
        .join(' ')}`,
    }),
  state: z
    .enum(['active', 'paused'])
    .openapi({ description: 'paused: what waits goes on waiting; nothing new is added.' }),
};
const endpointSchema = z
  .object({
    id: z.string(),
    organisation: z
      .string()
      .nullable()
      .openapi({ description: 'null: of the installation, told of every organisation.' }),
    url: z.string(),
    description: z.string(),
    events: z.array(z.string()),
    state: z.enum(['active', 'paused', 'failed']).openapi({
      description: 'failed: nothing has succeeded for five days, or it answered 410; set to active once it is mended.',
    }),
    previousUntil: z.string().nullable().openapi({ description: 'The secret of before signs, too, until then.' }),
    failingSince: z.string().nullable(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .openapi('Webhook');
const withSecret = endpointSchema.extend({
  secret: z
    .string()
    .openapi({ description: 'Signs what is sent (Standard Webhooks). In this answer and nowhere else.' }),
});
const deliverySchema = z
  .object({
    id: z.string().openapi({ description: 'Sent as webhook-id, the same at each attempt.' }),
    webhook: z.string(),
    organisation: z.string().nullable(),
    kind: z.string(),
    state: z.enum(deliveryStates).openapi({
      description:
        'waiting: until dueAt. failed: eight attempts were in vain. given-up: its webhook is disabled, or too many waited.',
    }),
    attempts: z.int(),
    createdAt: z.string(),
    dueAt: z.string().nullable(),
    attemptedAt: z.string().nullable(),
    status: z.int().nullable().openapi({ description: 'What the newest attempt was answered with.' }),
    error: z.string().nullable(),
    body: z.unknown(),
  })
  .openapi('WebhookDelivery');

/** Whom notices are told to. Something of another organisation is not there. */
export function webhookOperations({ webhooks, control }: AdminDependencies): readonly Operation[] {
  const read = { permission: 'webhooks.read', scope: 'organisation', of: 'answer' } as const;
  const write = { permission: 'webhooks.write', scope: 'organisation', of: 'answer' } as const;
  const findFor = async (caller: Caller, id: string, permission: 'webhooks.read' | 'webhooks.write') => {
    const endpoint = await findEndpoint(webhooks, id);
    authoriseFound(caller, permission, { organisation: endpoint.organisation }, 'webhooks.read');
    return endpoint;
  };
  return [
    operation({
      method: 'get',
      path: '/api/v1/webhooks',
      access: read,
      summary: 'Webhooks, without their secrets',
      query: pageQuery.extend({ organisation: z.string().max(64).optional() }),
      answer: z.object({ items: z.array(endpointSchema), next: z.string().optional() }),
      handle: async ({ query: { limit, after, organisation }, caller }) => {
        const filter = { organisations: organisationsOf(caller), organisation };
        const items = await listEndpoints(webhooks, filter, { limit: limit + 1, after });
        return pageOf(items.map(endpointAnswer), { limit, after });
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/webhooks',
      access: {
        permission: 'webhooks.write',
        scope: 'organisation',
        of: ({ body }) => ({ organisation: body.organisation ?? null }),
      },
      summary: 'Create a webhook; its secret is in this answer and nowhere else',
      body: z.strictObject({
        organisation: z.string().max(64).optional().openapi({ description: 'Of the installation unless said.' }),
        url: fields.url,
        description: fields.description.default(''),
        events: fields.events.default(['*']),
        state: fields.state.default('active'),
      }),
      answer: withSecret,
      status: 201,
      recordsItself: true,
      handle: async ({ body: { organisation = null, ...rest }, author }) => {
        refuse(rest.url);
        if (organisation !== null) {
          const configuration = await control.readConfiguration();
          if (resourceOf(configuration, 'organisation', organisation) === undefined) {
            throw new Fault('resource_not_found', `There is no organisation ${organisation}.`);
          }
        }
        const { endpoint, secret } = await createEndpoint(webhooks, { organisation, ...rest }, author);
        return { ...endpointAnswer(endpoint), secret };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/webhooks/{id}',
      access: read,
      summary: 'One webhook',
      idHasSlashes: false,
      answer: endpointSchema,
      handle: async ({ id, caller }) => endpointAnswer(await findFor(caller, id, 'webhooks.read')),
    }),
    operation({
      method: 'patch',
      path: '/api/v1/webhooks/{id}',
      access: write,
      summary: 'Change, pause or switch on a webhook',
      idHasSlashes: false,
      body: z.strictObject(fields).partial(),
      answer: endpointSchema,
      recordsItself: true,
      handle: async ({ id, body, caller, author }) => {
        await findFor(caller, id, 'webhooks.write');
        if (body.url !== undefined) refuse(body.url);
        return endpointAnswer(await changeEndpoint(webhooks, { id, ...said(body) }, author));
      },
    }),
    operation({
      method: 'delete',
      path: '/api/v1/webhooks/{id}',
      access: write,
      summary: 'Remove a webhook with what waits for it',
      idHasSlashes: false,
      answer: endpointSchema,
      recordsItself: true,
      handle: async ({ id, caller, author }) => {
        const endpoint = await findFor(caller, id, 'webhooks.write');
        await removeEndpoint(webhooks, id, author);
        return endpointAnswer(endpoint);
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/webhooks/{id}/rotate',
      access: write,
      summary: 'Give a webhook another secret; for a while both sign',
      idHasSlashes: false,
      body: z.strictObject({
        overlapSeconds: z
          .int()
          .min(0)
          .max(overlapSecondsMax)
          .default(86_400)
          .openapi({ description: 'How long the secret of before signs, too. 0: it signs nothing any more.' }),
      }),
      answer: withSecret,
      recordsItself: true,
      handle: async ({ id, body, caller, author }) => {
        await findFor(caller, id, 'webhooks.write');
        const { endpoint, secret } = await rotateEndpointSecret(webhooks, { id, ...body }, author);
        return { ...endpointAnswer(endpoint), secret };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/webhooks/{id}/test',
      access: write,
      summary: 'Send a `webhook.test` now, once, and say how it went',
      idHasSlashes: false,
      body: z.strictObject({}),
      answer: deliverySchema,
      handle: async ({ id, caller }) => {
        await findFor(caller, id, 'webhooks.write');
        return deliveryAnswer(await testEndpoint(webhooks, id));
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/webhook-deliveries',
      access: read,
      summary: 'What was told to webhooks in the last 30 days, and what waits; newest first',
      query: z.strictObject({
        webhook: z.string().max(64).optional(),
        state: z.enum(deliveryStates).optional(),
        limit: z.coerce
          .number()
          .int()
          .min(1)
          .max(pageLimitMax)
          .default(100)
          .openapi({ description: 'Items of one page.' }),
        after: z
          .string()
          .regex(/^\d{1,18}$/, { error: 'must be `next` of the page before' })
          .optional()
          .openapi({ description: '`next` of the page before.' }),
      }),
      answer: z.object({ items: z.array(deliverySchema), next: z.string().optional() }),
      handle: async ({ query: { webhook, state, limit, after }, caller }) => {
        const filter = { organisations: organisationsOf(caller), webhook, state };
        const { items, next } = await listDeliveries(webhooks, filter, { limit, after });
        return { items: items.map(deliveryAnswer), ...(next === undefined ? {} : { next }) };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/webhook-deliveries/{id}/redeliver',
      access: write,
      summary: 'Tell it again, under the same id',
      idHasSlashes: false,
      body: z.strictObject({}),
      answer: deliverySchema,
      handle: async ({ id, caller }) => {
        const { organisation } = await findDelivery(webhooks, id);
        authoriseFound(caller, 'webhooks.write', { organisation }, 'webhooks.read');
        return deliveryAnswer(await redeliver(webhooks, id));
      },
    }),
  ];

  function refuse(url: string): void {
    const message = refuseUrl(url, webhooks);
    if (message === undefined) return;
    throw new ConfigurationError([{ path: 'body.url', code: 'configuration_invalid', message }], 'the request');
  }
}

/** Webhooks are of whole organisations: who sees some projects of one sees none of them. */
function organisationsOf(caller: Caller): readonly string[] | undefined {
  const reach = caller.reach('webhooks.read');
  return reach === 'all' ? undefined : reach.organisations;
}

type Said<Body> = { readonly [Name in keyof Body]?: Exclude<Body[Name], undefined> };

/** Without what was not said. */
function said<Body extends object>(body: Body): Said<Body> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as Said<Body>; // true: filtered
}

function endpointAnswer({ previousUntil, failingSince, createdAt, updatedAt, ...endpoint }: WebhookEndpoint) {
  return {
    ...endpoint,
    previousUntil: previousUntil?.toISOString() ?? null,
    failingSince: failingSince?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

function deliveryAnswer({ createdAt, dueAt, attemptedAt, ...delivery }: WebhookDelivery) {
  return {
    ...delivery,
    createdAt: createdAt.toISOString(),
    dueAt: dueAt?.toISOString() ?? null,
    attemptedAt: attemptedAt?.toISOString() ?? null,
  };
}
