import type { DialectName } from '../completion/request.ts';
import { GLOBAL } from '../governance/zones.ts';
import { retryBudgetDefaults } from '../routing/health/budgets.ts';
import { hedgePercentDefault, type RoutePolicy, routePolicyDefault } from '../snapshot/snapshot.ts';
import type { Desire } from './plan.ts';
import { inferKind } from './provider-kinds.ts';
import { type DeploymentResource, type ProviderResource, type RouteResource, resourceOf } from './resources.ts';
import { credentialContext } from './seal.ts';

/** What an answer may have at most where nothing better is known: the least that current large models share. */
export const outputTokensMaxDefault = 32_000;
/** What one image may cost at most where nothing better is known. */
export const mediaTokensMaxDefault = 32_768;

export function desireProviders(desire: Desire): ProviderResource[] {
  return Object.entries(desire.declaration.providers ?? {}).flatMap(([id, declared]) => {
    const path = ['providers', id];
    const kind = desire.kinds.find(known => known.name === declared.kind);
    if (declared.kind !== undefined && kind === undefined) {
      const names = desire.kinds.map(known => known.name).join(', ');
      desire.refuse([...path, 'kind'], `no provider kind has this name; known are ${names}`);
      return [];
    }
    if (declared.dialect !== undefined && declared.dialects !== undefined) {
      desire.refuse([...path, 'dialect'], 'name either `dialect` or `dialects`');
    }
    const dialects: readonly DialectName[] =
      declared.dialects ?? (declared.dialect === undefined ? (kind?.dialects ?? []) : [declared.dialect]);
    const dialect = dialects[0];
    if (dialect === undefined) {
      desire.refuse([...path, 'dialect'], 'is missing; say which wire format the provider speaks');
      return [];
    }
    const repeated = new Set(dialects).size < dialects.length;
    if (repeated) desire.refuse([...path, 'dialects'], 'names a dialect twice');
    const baseUrl = (declared.baseUrl ?? kind?.baseUrl)?.replace(/\/+$/, '');
    if (baseUrl === undefined) {
      desire.refuse([...path, 'baseUrl'], 'is missing; say where the provider is reached');
      return [];
    }
    const resource: ProviderResource = {
      kind: 'provider',
      id,
      providerKind: kind?.name ?? inferKind(desire.kinds, dialect, baseUrl),
      dialects,
      baseUrl,
      ...desireCredential(desire, id, declared.credential),
      origin: 'declared',
    };
    return [resource];
  });
}

/** Sealed anew only when the credential is another one, so that applying a file twice changes nothing. */
function desireCredential(desire: Desire, id: string, reference: string | undefined) {
  if (reference === undefined) return { reference: null, sealed: null, fingerprint: null };
  const resolved = desire.resolve(reference);
  if ('refusal' in resolved) {
    desire.refuse(['providers', id, 'credential'], resolved.refusal);
    return { reference, sealed: null, fingerprint: null };
  }
  if (!/^[\x20-\x7e]+$/.test(resolved.value)) {
    desire.refuse(['providers', id, 'credential'], `${reference} has characters that no header can carry`);
  }
  const fingerprint = desire.sealer.fingerprintOf(resolved.value);
  const stored = resourceOf(desire.stored, 'provider', id);
  const sealed =
    stored?.fingerprint === fingerprint && stored.sealed !== null
      ? stored.sealed
      : desire.sealer.seal(resolved.value, credentialContext(id));
  return { reference, sealed, fingerprint };
}

export function desireDeployments(desire: Desire): DeploymentResource[] {
  return Object.entries(desire.declaration.deployments ?? {}).map(([id, declared]) => ({
    kind: 'deployment',
    id,
    handle: handleOf(desire, id, declared.was) ?? desire.mintHandle(),
    provider: declared.provider,
    model: declared.model,
    targetModel: declared.targetModel ?? declared.model.slice(declared.model.indexOf('/') + 1),
    processing: declared.zones?.processing ?? GLOBAL,
    concurrencyMax: declared.limits?.concurrency ?? null,
    inflowPercent: declared.limits?.inflowPercent,
    outputTokensMax: declared.outputTokensMax ?? outputTokensMaxDefault,
    capabilities: declared.capabilities ?? null,
    contextTokensMax: declared.contextTokensMax ?? null,
    mediaTokensMax: declared.mediaTokensMax ?? mediaTokensMaxDefault,
    documentPagesMax: declared.documentPagesMax,
    documentTokensPerPage: declared.documentTokensPerPage,
    audioTokensPerSecond: declared.audioTokensPerSecond,
    toolCallsMax: declared.toolCallsMax,
    origin: 'declared',
  }));
}

/** Names of stored deployments that the file gives another name. Applied again, nothing is left to rename. */
export function renamedDeployments(desire: Desire): readonly string[] {
  return Object.values(desire.declaration.deployments ?? {}).flatMap(({ was }) => (was === undefined ? [] : [was]));
}

/** A handle survives a rename (I5): to routing and to decision records it is the same deployment. */
function handleOf(desire: Desire, id: string, was: string | undefined): string | undefined {
  const own = resourceOf(desire.stored, 'deployment', id)?.handle;
  if (was === undefined) return own;
  const path = ['deployments', id, 'was'];
  const before = resourceOf(desire.stored, 'deployment', was)?.handle;
  const sameName = Object.entries(desire.declaration.deployments ?? {}).filter(([, other]) => other.was === was);
  if (desire.declaration.deployments?.[was] !== undefined)
    desire.refuse(path, `this file has a deployment ${was} itself`);
  else if (sameName.length > 1) desire.refuse(path, `several deployments were ${was}`);
  else if (own !== undefined && before !== undefined)
    desire.refuse(path, `${id} and ${was} are both stored; they cannot become one`);
  return own ?? before;
}

/** What is not said stays absent, so that routes of earlier releases are the same as before. */
function beforeContent({ class: queueClass, queueMs, retryBudget, hedge }: Declared): Partial<RoutePolicy> {
  return {
    ...(queueClass === undefined ? {} : { class: queueClass }),
    ...(queueMs === undefined ? {} : { queueMs }),
    ...(retryBudget === undefined ? {} : { retryBudget: { ...retryBudgetDefaults, ...retryBudget } }),
    ...(hedge === undefined ? {} : { hedge: { ...hedge, percent: hedge.percent ?? hedgePercentDefault } }),
  };
}

type Declared = NonNullable<Desire['declaration']['routes']>[string];

export function desireRoutes(desire: Desire): RouteResource[] {
  return Object.entries(desire.declaration.routes ?? {}).map(([id, declared]) => ({
    kind: 'route',
    id,
    candidates: declared.candidates.toSorted((left, right) => (left.deployment < right.deployment ? -1 : 1)),
    policy: {
      policy: declared.policy ?? routePolicyDefault.policy,
      ...(declared.costMax === undefined ? {} : { costMax: declared.costMax }),
      retries: declared.retries ?? routePolicyDefault.retries,
      connectTimeoutMs: declared.connectTimeoutMs ?? routePolicyDefault.connectTimeoutMs,
      firstByteTimeoutMs: declared.firstByteTimeoutMs ?? routePolicyDefault.firstByteTimeoutMs,
      idleTimeoutMs: declared.idleTimeoutMs ?? routePolicyDefault.idleTimeoutMs,
      totalTimeoutMs: declared.totalTimeoutMs ?? routePolicyDefault.totalTimeoutMs,
      abort: declared.abort ?? routePolicyDefault.abort,
      ...beforeContent(declared),
      ...(declared.onFailure === undefined || declared.onFailure === 'error' ? {} : { onFailure: declared.onFailure }),
      ...(declared.holdBack === undefined || declared.holdBack.tokens === 0 ? {} : { holdBack: declared.holdBack }),
    },
    origin: 'declared',
  }));
}
