import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Caller } from '../access/caller.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError, type Problem } from '../config/problem.ts';
import { type Access, authorise } from './authorise.ts';
import { repeatedNames } from './repeated-names.ts';
import { isStorable, unstorableParts } from './storable.ts';

/** One thing that the API does. The server and its OpenAPI document are both made from these. */
export interface Operation<Query extends z.ZodObject = z.ZodObject, Body extends z.ZodType = z.ZodType> {
  readonly method: 'get' | 'post' | 'delete';
  /** `{id}` for parameters. */
  readonly path: string;
  readonly summary: string;
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
  readonly status: 200 | 201;
  /** What `text/csv` answers is an async iterable of text, sent as it comes. */
  readonly contentType: 'application/json' | 'application/yaml' | 'text/csv';
  handle(input: {
    readonly id: string;
    readonly query: z.output<Query>;
    readonly body: z.output<Body>;
    readonly caller: Caller;
  }): Promise<unknown> | unknown;
}

const nothing = z.object({});

/** Fills in what most operations leave out, and keeps the types of query and body together with `handle`. */
export function operation<Query extends z.ZodObject = typeof nothing, Body extends z.ZodType = z.ZodUndefined>(
  parts: Pick<Operation<Query, Body>, 'method' | 'path' | 'summary' | 'access' | 'answer' | 'handle'> &
    Partial<Pick<Operation<Query, Body>, 'query' | 'body' | 'bodyTypes' | 'status' | 'contentType' | 'idHasSlashes'>>,
): Operation {
  const whole = {
    query: nothing,
    body: undefined,
    bodyTypes: ['application/json'],
    status: 200,
    contentType: 'application/json',
    idHasSlashes: true,
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
  const headers =
    operation.method === 'post' ? { headers: z.object({ 'idempotency-key': z.string().optional() }) } : {};
  app.openAPIRegistry.registerPath({
    method: operation.method,
    path: operation.path,
    summary: operation.summary,
    security: [{ adminKey: [] }],
    request: {
      ...id,
      ...headers,
      query: operation.query,
      ...(operation.body === undefined
        ? {}
        : {
            body: {
              required: true,
              content: Object.fromEntries(operation.bodyTypes.map(type => [type, { schema: operation.body! }])),
            },
          }),
    },
    responses: {
      [operation.status]: { description: 'Done', content: { [operation.contentType]: { schema: operation.answer } } },
      default: { description: 'A fault', content: { 'application/problem+json': { schema: problemSchema } } },
    },
  });
}

/** A request as it was read, and whoever sent it. */
export type Call = Parameters<Operation['handle']>[0];

/** Reads the input, and refuses what its caller may not. */
export function readCall(operation: Operation, context: Context, bodyText: string, caller: Caller): Call {
  const id = context.req.param('id') ?? '';
  if (id.length > idLengthMax || !isStorable(id)) throw new Fault('resource_not_found');
  const query = readInput(operation.query, readQuery(context), 'query');
  const body =
    operation.body === undefined
      ? undefined
      : readInput(operation.body, parseBody(operation, context, bodyText), 'body');
  authorise(operation.access, caller, { id, query, body });
  return { id, query, body, caller };
}

/** Calls the operation, writes its answer. Throws what the operation throws. */
export async function callOperation(
  operation: Operation,
  call: Call,
): Promise<{ readonly status: number; readonly contentType: string; readonly text: string }> {
  const answer = await operation.handle(call);
  const text = operation.contentType === 'application/json' ? JSON.stringify(answer) : String(answer);
  return { status: operation.status, contentType: operation.contentType, text };
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
