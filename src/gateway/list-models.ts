import { Fault } from '../completion/fault.ts';
import type { DialectName } from '../completion/request.ts';
import type { ModelName, Principal, Snapshot } from '../snapshot/load.ts';
import type { Arrival } from './arrival.ts';
import type { GatewayState } from './gateway.ts';
import type { Identified } from './identify.ts';
import { respondBytes } from './respond.ts';

/** The names that this key may put in the model's place, in the shape of the API that the client speaks: OpenAI's and
 *  Cohere's at `/v1/models`, Anthropic's there too when the client says the version of that API, Gemini's at `/v1beta/models`.
 *  Behind a name, that one alone. Bedrock lists models by another service than the one that answers. */
export function listModels(_gateway: GatewayState, arrival: Arrival, { snapshot, principal }: Identified): void {
  const names = snapshot.modelNames(principal);
  const write = shapes[arrival.dialect?.name ?? 'openai-chat'] ?? openAi;
  const asked = askedName(arrival.path);
  if (asked !== undefined) {
    respond(arrival, write.one(find(snapshot, principal, asked, names), snapshot));
    return;
  }
  respond(arrival, write.list(names, new URLSearchParams(arrival.query), snapshot));
}

function askedName(path: string): string | undefined {
  const rest = path.replace(/^\/v1(?:beta)?\/models\/?/, '');
  if (rest === '') return undefined;
  try {
    return decodeURIComponent(rest);
  } catch {
    throw new Fault('model_not_found');
  }
}

/** Whatever a request may name can be asked for, under any of its spellings. What this key may not use is not there. */
function find(snapshot: Snapshot, principal: Principal, asked: string, names: readonly ModelName[]): ListedModel {
  const route = snapshot.resolve(asked);
  if (route instanceof Fault) throw route;
  if (!snapshot.allows(principal, route)) throw new Fault('model_not_found');
  return names.find(model => model.name === route.name) ?? { name: route.name, owner: 'common-carrier' };
}

type ListedModel = Pick<ModelName, 'name' | 'owner'>;

interface Shape {
  one(model: ListedModel, snapshot: Snapshot): unknown;
  list(models: readonly ListedModel[], query: URLSearchParams, snapshot: Snapshot): unknown;
}

const openAi: Shape = {
  one: model => ({ id: model.name, object: 'model', created: 0, owned_by: model.owner }),
  list: (models, _query, snapshot) => ({ object: 'list', data: models.map(model => openAi.one(model, snapshot)) }),
};

const anthropic: Shape = {
  one: model => ({ type: 'model', id: model.name, display_name: model.name, created_at: '1970-01-01T00:00:00Z' }),
  list: (models, query, snapshot) => {
    // Anthropic's own default and bound.
    const limit = readLimit(query, 'limit', 20);
    const after = query.get('after_id');
    const before = query.get('before_id');
    const rest = models.filter(
      model => (after === null || model.name > after) && (before === null || model.name < before),
    );
    const page = before === null ? rest.slice(0, limit) : rest.slice(-limit);
    return {
      data: page.map(model => anthropic.one(model, snapshot)),
      has_more: page.length < rest.length,
      first_id: page[0]?.name ?? null,
      last_id: page.at(-1)?.name ?? null,
    };
  },
};

/** https://ai.google.dev/api/models (2026-11). */
const gemini: Shape = {
  one: (model, snapshot) => {
    const { contextTokensMax, outputTokensMax } = boundsOf(model, snapshot);
    return {
      name: `models/${model.name}`,
      baseModelId: model.name,
      version: '1',
      displayName: model.name,
      ...(contextTokensMax === undefined ? {} : { inputTokenLimit: contextTokensMax }),
      ...(outputTokensMax === undefined ? {} : { outputTokenLimit: outputTokensMax }),
      supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'],
    };
  },
  list: (models, query, snapshot) => {
    const { page, next } = pageOf(models, query, { size: 'pageSize', sizeDefault: 50, token: 'pageToken' });
    const listed = page.map(model => gemini.one(model, snapshot));
    return next === undefined ? { models: listed } : { models: listed, nextPageToken: next };
  },
};

/** https://docs.cohere.com/reference/list-models (2026-11). */
const cohere: Shape = {
  one: (model, snapshot) => {
    const { contextTokensMax } = boundsOf(model, snapshot);
    return {
      name: model.name,
      is_deprecated: false,
      endpoints: ['chat'],
      finetuned: false,
      ...(contextTokensMax === undefined ? {} : { context_length: contextTokensMax }),
      default_endpoints: [],
    };
  },
  list: (models, query, snapshot) => {
    const shown = (query.get('endpoint') ?? 'chat') === 'chat' ? models : [];
    const { page, next } = pageOf(shown, query, { size: 'page_size', sizeDefault: 20, token: 'page_token' });
    const listed = page.map(model => cohere.one(model, snapshot));
    return next === undefined ? { models: listed } : { models: listed, next_page_token: next };
  },
};

const shapes: Readonly<Partial<Record<DialectName, Shape>>> = {
  'anthropic-messages': anthropic,
  gemini,
  'cohere-chat': cohere,
};

/** What every deployment takes that may answer; undefined where one does not say. */
function boundsOf(
  { name }: ListedModel,
  snapshot: Snapshot,
): { readonly contextTokensMax: number | undefined; readonly outputTokensMax: number | undefined } {
  const route = snapshot.resolve(name);
  const deployments = route instanceof Fault ? [] : route.candidates.map(({ deployment }) => deployment);
  const context = deployments.map(({ contextTokensMax }) => contextTokensMax);
  const isSaid = deployments.length > 0 && context.every(bound => bound !== null);
  return {
    contextTokensMax: isSaid ? Math.min(...context) : undefined,
    outputTokensMax: deployments.length > 0 ? Math.min(...deployments.map(each => each.outputTokensMax)) : undefined,
  };
}

interface PageWords {
  readonly size: string;
  readonly sizeDefault: number;
  readonly token: string;
}

/** A token is the last name of the page before it. */
function pageOf(models: readonly ListedModel[], query: URLSearchParams, { size, sizeDefault, token }: PageWords) {
  const limit = readLimit(query, size, sizeDefault);
  const given = query.get(token) ?? '';
  const after = Buffer.from(given, 'base64url').toString();
  if (Buffer.from(after).toString('base64url') !== given) {
    throw new Fault('parameter_invalid', `${token} is none that was given with a page.`, { parameter: token });
  }
  const rest = models.filter(({ name }) => given === '' || name > after);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const next = last === undefined || page.length === rest.length ? undefined : Buffer.from(last.name);
  return { page, next: next?.toString('base64url') };
}

function readLimit(query: URLSearchParams, parameter: string, standard: number): number {
  const text = query.get(parameter);
  if (text === null) return standard;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new Fault('parameter_invalid', `${parameter} is a whole number from 1 to 1000.`, { parameter });
  }
  return limit;
}

function respond(arrival: Arrival, answer: unknown): void {
  const headers = ['content-type', 'application/json', 'x-carrier-exchange-id', arrival.id];
  respondBytes(arrival.request, arrival.response, 200, headers, Buffer.from(JSON.stringify(answer)));
}
