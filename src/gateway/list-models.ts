import { Fault } from '../completion/fault.ts';
import type { ModelName, Principal, Snapshot } from '../snapshot/load.ts';
import type { Arrival } from './arrival.ts';
import type { GatewayState } from './gateway.ts';
import type { Identified } from './identify.ts';
import { respondBytes } from './respond.ts';

/** GET /v1/models: the names that this key may put in the model's place, in OpenAI's shape, or in Anthropic's when the
 *  client says which version of that API it speaks. GET /v1/models/{name}: one of them. */
export function listModels(_gateway: GatewayState, arrival: Arrival, { snapshot, principal }: Identified): void {
  const { headers } = arrival.request;
  const names = snapshot.modelNames(principal);
  const write = headers['anthropic-version'] === undefined ? openAi : anthropic;
  const asked = askedName(arrival.path);
  if (asked !== undefined) {
    respond(arrival, write.one(find(snapshot, principal, asked, names)));
    return;
  }
  respond(arrival, write.list(names, new URLSearchParams(arrival.query)));
}

function askedName(path: string): string | undefined {
  const rest = path.slice('/v1/models/'.length);
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
  one(model: ListedModel): unknown;
  list(models: readonly ListedModel[], query: URLSearchParams): unknown;
}

const openAi: Shape = {
  one: model => ({ id: model.name, object: 'model', created: 0, owned_by: model.owner }),
  list: models => ({ object: 'list', data: models.map(openAi.one) }),
};

const anthropic: Shape = {
  one: model => ({ type: 'model', id: model.name, display_name: model.name, created_at: '1970-01-01T00:00:00Z' }),
  list: (models, query) => {
    const limit = readLimit(query.get('limit'));
    const after = query.get('after_id');
    const before = query.get('before_id');
    const rest = models.filter(
      model => (after === null || model.name > after) && (before === null || model.name < before),
    );
    const page = before === null ? rest.slice(0, limit) : rest.slice(-limit);
    return {
      data: page.map(anthropic.one),
      has_more: page.length < rest.length,
      first_id: page[0]?.name ?? null,
      last_id: page.at(-1)?.name ?? null,
    };
  },
};

/** Anthropic's own default and bound. */
function readLimit(text: string | null): number {
  if (text === null) return 20;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new Fault('parameter_invalid', 'limit is a whole number from 1 to 1000.', { parameter: 'limit' });
  }
  return limit;
}

function respond(arrival: Arrival, answer: unknown): void {
  const headers = ['content-type', 'application/json', 'x-carrier-exchange-id', arrival.id];
  respondBytes(arrival.request, arrival.response, 200, headers, Buffer.from(JSON.stringify(answer)));
}
