import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { actorText, type Caller } from '../access/caller.ts';
import type { Author } from '../audit/author.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError, type Problem } from '../config/problem.ts';
import type { Preconditions } from '../control/preconditions.ts';
import { type Access, authorise } from './authorise.ts';
import type { Answer } from './idempotency.ts';
import { repeatedNames } from './repeated-names.ts';
import { originOf } from './request-origin.ts';
import { isStorable, unstorableParts } from './storable.ts';
import type { Visit } from './visit.ts';

/** One thing that the API does. The server and its OpenAPI document are both made from these. */
export interface Operation<Query extends z.ZodObject = z.ZodObject, Body extends z.ZodType = z.ZodType> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** `{id}` for parameters. */
  readonly path: string;
  readonly summary: string;
  /** What one should know beyond the summary. */
  readonly description: string | undefined;
  /** Of a body that works. */
  readonly example: unknown;
  /** What describes the body where `body` reads less than it: the rest is checked by whoever handles it. */
  readonly bodyShown: z.ZodType | undefined;
  /** What it asks of its caller. */
  readonly access: Access<z.output<Query>, z.output<Body>>;
  readonly query: Query;
  readonly body: Body | undefined;
  /** Content types that a body may have; JSON all of them. `application/json` unless said. */
  readonly bodyTypes: readonly string[];
  readonly answer: z.ZodType;
  /** May an id have slashes? Where it may, no other path can lie below it. Yes unless said. */
  readonly idHasSlashes: boolean;
  /** Of a success; 200 unless said. */
  readonly status: 200 | 201 | 204;
  /** What `text/csv` and `application/x-ndjson` answer is an async iterable of text, sent as it comes. */
  readonly contentType: 'application/json' | 'application/yaml' | 'text/html' | 'text/csv' | 'application/x-ndjson';
  /** Does it keep to If-Match and If-None-Match, and answer with an ETag? */
  readonly hasEtag: boolean;
  /** Does what it changes tell the audit log itself, in its own transaction? Others that change something are told
   *  before they do it. */
  readonly recordsItself: boolean;
  handle(input: {
    readonly id: string;
    readonly query: z.output<Query>;
    readonly body: z.output<Body>;
    readonly caller: Caller;
    /** The caller and the request, as the audit log tells them. */
    readonly author: Author;
    readonly preconditions: Preconditions;
    /** How the caller came: address, browser, session. */
    readonly visit: Visit;
  }): Promise<unknown> | unknown;
}

/** An answer that says more than its body. What is no Reply is the body. */
export class Reply {
  readonly body: unknown;
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    body: unknown,
    { status, headers = {} }: { status?: number; headers?: Readonly<Record<string, string>> },
  ) {
    this.body = body;
    this.status = status;
    this.headers = headers;
  }
}

const nothing = z.object({});

/** Fills in what most operations leave out, and keeps the types of query and body together with `handle`. */
export function operation<Query extends z.ZodObject = typeof nothing, Body extends z.ZodType = z.ZodUndefined>(
  parts: Pick<Operation<Query, Body>, 'method' | 'path' | 'summary' | 'access' | 'answer' | 'handle'> &
    Partial<
      Pick<
        Operation<Query, Body>,
        | 'query'
        | 'body'
        | 'bodyTypes'
        | 'bodyShown'
        | 'status'
        | 'contentType'
        | 'idHasSlashes'
        | 'description'
        | 'example'
        | 'hasEtag'
        | 'recordsItself'
      >
    >,
): Operation {
  const whole = {
    query: nothing,
    body: undefined,
    bodyTypes: ['application/json'],
    status: 200,
    contentType: 'application/json',
    idHasSlashes: true,
    description: undefined,
    example: undefined,
    bodyShown: undefined,
    hasEtag: false,
    recordsItself: false,
    ...parts,
  };
  return whole as unknown as Operation; // true: callOperation hands to `handle` what these very schemas gave
}

/** Longest id in a path. */
const idLengthMax = 256;
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    recovery: z.string(),
    errors: z
      .array(
        z.object({
          path: z.string(),
          code: z.string(),
          message: z.string(),
          line: z.int().optional(),
          column: z.int().optional(),
        }),
      )
      .optional(),
  })
  .openapi('Problem');

export function describeOperation(app: OpenAPIHono, operation: Operation): void {
  const id = operation.path.includes('{id}') ? { params: z.object({ id: z.string().max(idLengthMax) }) } : {};
  const headers = requestHeaders(operation);
  const bodySchema = operation.bodyShown ?? operation.body;
  app.openAPIRegistry.registerPath({
    method: operation.method,
    path: operation.path,
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    security: operation.access.scope === 'public' ? [] : [{ bearer: [] }, { session: [] }],
    ...('permission' in operation.access ? { 'x-permission': operation.access.permission } : {}),
    request: {
      ...id,
      ...headers,
      query: operation.query,
      ...(bodySchema === undefined
        ? {}
        : {
            body: {
              required: true,
              content: Object.fromEntries(
                operation.bodyTypes.map(type => [
                  type,
                  { schema: bodySchema, ...(operation.example === undefined ? {} : { example: operation.example }) },
                ]),
              ),
            },
          }),
    },
    responses: {
      [operation.status]: {
        description: 'Done',
        ...(operation.hasEtag ? { headers: z.object({ etag: z.string().openapi({ description: etagMeaning }) }) } : {}),
        ...(operation.status === 204 ? {} : { content: { [operation.contentType]: { schema: operation.answer } } }),
      },
      default: { description: 'A fault', content: { 'application/problem+json': { schema: problemSchema } } },
    },
  });
}

const etagMeaning = 'Strong: another one whenever anything of the resource is. For If-Match.';

function requestHeaders({ method, hasEtag }: Operation) {
  const said = {
    ...(method === 'post'
      ? {
          'idempotency-key': z.string().optional().openapi({
            description:
              'Repeated within a day with the same body, the request is not done again and gets the same answer.',
          }),
        }
      : {}),
    ...(hasEtag && method !== 'post'
      ? {
          'if-match': z
            .string()
            .optional()
            .openapi({ description: 'ETags of which one must be the resource’s; 412 otherwise.' }),
          'if-none-match': z.string().optional().openapi({
            description: '`*`: only where it is not there yet; 412 otherwise. Of a GET: 304 where it is unchanged.',
          }),
        }
      : {}),
  };
  return Object.keys(said).length === 0 ? {} : { headers: z.object(said) };
}

/** A request as it was read, and whoever sent it. */
export type Call = Parameters<Operation['handle']>[0];

/** Reads the input, and refuses what its caller may not. */
export function readCall(
  operation: Operation,
  context: Context,
  bodyText: string,
  { caller, visit }: { readonly caller: Caller; readonly visit: Visit },
): Call {
  const [ifMatch, ifNoneMatch] = [context.req.header('if-match'), context.req.header('if-none-match')];
  const id = context.req.param('id') ?? '';
  if (id.length > idLengthMax || !isStorable(id)) throw new Fault('resource_not_found');
  const query = readInput(operation.query, readQuery(context), 'query');
  const body =
    operation.body === undefined
      ? undefined
      : readInput(operation.body, parseBody(operation, context, bodyText), 'body');
  authorise(operation.access, caller, { id, query, body });
  return {
    id,
    query,
    body,
    caller,
    author: { actor: actorText(caller.actor), ...originOf(context) },
    preconditions: operation.hasEtag ? { ifMatch, ifNoneMatch } : {},
    visit,
  };
}

/** Calls the operation, writes its answer. Throws what the operation throws. */
export async function callOperation(operation: Operation, call: Call): Promise<Answer> {
  const answer = await operation.handle(call);
  const { body, status = operation.status, headers } = answer instanceof Reply ? answer : new Reply(answer, {});
  const text = operation.contentType === 'application/json' ? (JSON.stringify(body) ?? '') : String(body);
  return { status, contentType: operation.contentType, text, headers };
}

/** Calls an operation whose answer is a stream. What goes wrong before its first text is thrown; later, all that is left is
 *  to break off. */
export async function streamOperation(operation: Operation, call: Call): Promise<ReadableStream<Uint8Array>> {
  // True: the table says so of this content type.
  const texts = operation.handle(call) as AsyncGenerator<string, void>;
  const first = await texts.next();
  const encoder = new TextEncoder();
  let next: IteratorResult<string, void> | undefined = first;
  return new ReadableStream<Uint8Array>(
    {
      pull: async controller => {
        const { done, value } = next ?? (await texts.next());
        next = undefined;
        if (done === true) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      // The reader has left; what the texts hold is let go.
      cancel: async () => {
        await texts.return();
      },
    },
    { highWaterMark: 1 },
  );
}

function parseBody({ bodyTypes }: Operation, context: Context, text: string): unknown {
  const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type === undefined || !bodyTypes.includes(type)) {
    throw new Fault('media_type_unsupported', `The content type is none of ${bodyTypes.join(', ')}.`);
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new Fault('json_malformed', undefined, { cause });
  }
  refuseProblems(repeatedNames(text, 'body'));
  // Only an escape can say what is not storable: the text itself is valid UTF-8.
  if (/\\u(0000|d[89a-f])/i.test(text)) refuseProblems(unstorableParts(body, 'body'));
  return body;
}

/** Each parameter once: of two nobody could say which one counts. */
function readQuery(context: Context): Record<string, string> {
  const problems: Problem[] = [];
  const query: Record<string, string> = {};
  for (const [name, values] of Object.entries(context.req.queries())) {
    const [value = ''] = values;
    if (values.length > 1) {
      problems.push({ path: `query.${name}`, code: 'configuration_invalid', message: 'is said twice' });
    } else problems.push(...unstorableParts(value, `query.${name}`));
    query[name] = value;
  }
  refuseProblems(problems);
  return query;
}

function refuseProblems(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ConfigurationError(problems, 'the request');
}

function readInput<Schema extends z.ZodType>(schema: Schema, value: unknown, place: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ConfigurationError(
    parsed.error.issues.flatMap(issue => {
      const paths = issue.code === 'unrecognized_keys' ? issue.keys.map(key => [...issue.path, key]) : [issue.path];
      const message = issue.code === 'unrecognized_keys' ? 'nothing has this name here' : issue.message;
      return paths.map(path => ({
        path: [place, ...path].map(String).join('.'),
        code: 'configuration_invalid' as const,
        message,
      }));
    }),
    'the request',
  );
}

/** One page of what is already sorted by `id`. The cursor is the last id that was shown. */
export function pageOf<Item extends { readonly id: string }>(
  items: readonly Item[],
  page: { readonly limit: number; readonly after?: string | undefined },
): { readonly items: readonly Item[]; readonly next?: string } {
  const { after } = page;
  const rest = after === undefined ? items : items.filter(item => item.id > after);
  const shown = rest.slice(0, page.limit);
  const last = shown.at(-1);
  return rest.length > shown.length && last !== undefined ? { items: shown, next: last.id } : { items: shown };
}

export const pageLimitMax = 500;
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(pageLimitMax).default(100).openapi({ description: 'Items of one page.' }),
  after: z.string().max(1_024).optional().openapi({ description: '`next` of the page before.' }),
});
