import type { ProfileRule } from '../completion/profile.ts';
import type { DialectName } from '../completion/request.ts';
import type { BetaFilter } from './betas.ts';

/** Who answers, as data. One small file each; registry.ts lists them. */
export interface Provider {
  /** Name of the kind in configuration, such as `openai`. */
  readonly name: string;
  /** In order of its own preference; the client's own dialect is chosen when it is among them. */
  readonly dialects: readonly DialectName[];
  readonly endpoints: Readonly<Partial<Record<DialectName, Endpoint>>>;
  /** Where it is reached unless the account says otherwise; undefined for kinds without an address of their own. */
  readonly baseUrl: string | undefined;
  /** Environment variables that hold its key, the first one first. Empty: never configured from the environment. */
  readonly environment: readonly string[];
  /** For kinds whose account takes more than one variable and an address that all share. undefined while too little is set. */
  readonly environmentAccount?: (
    environment: Readonly<Record<string, string | undefined>>,
  ) => EnvironmentAccount | undefined;
  /** What that needs, for whoever set too little. */
  readonly environmentNeeds?: string;
  /** Its id in the price facts; undefined when they have none. */
  readonly priceFacts: string | undefined;
  /** Those of the facts that it serves, where they tell of more; all unless said. */
  readonly pricedModels?: RegExp;
  /** A small, current model for a first request, by the provider's own name; the cheapest of a price list may be retired. */
  readonly firstModel?: string;
  /** The provider's own names of models, by those of the price facts, where they are others. */
  readonly targetModels?: Readonly<Record<string, string>>;
  /** What fails together with it: deployments that share a domain are no fallback for each other. */
  readonly failureDomains: readonly string[];
  readonly quirks: Quirks;
  /** What it, or some of its models, takes otherwise than the dialect's own API. */
  readonly profiles?: Readonly<Partial<Record<DialectName, readonly ProfileRule[]>>>;
}

/** An account as the environment describes it. */
export interface EnvironmentAccount {
  /** Whose values, joined by colons, are its credential. */
  readonly variables: readonly string[];
  readonly value: string;
  readonly baseUrl: string;
}

/** What a path may depend on. */
export interface PathTarget {
  readonly targetModel: string;
  readonly stream: boolean;
  /** Of a stream; `events` unless said. */
  readonly streamForm?: 'events' | 'list' | undefined;
}

/** A request as it will be sent. */
export interface RequestToAuthorise {
  /** Origin of the base URL. */
  readonly origin: string;
  /** Whole, with its query. */
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly credential: string | undefined;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** One dialect at one provider. */
export interface Endpoint {
  /** Behind the base URL; where the two overlap (`…/v1` and `/v1/messages`), the overlap counts once. */
  readonly path: string | ((target: PathTarget) => string);
  /** none: `authorise` says who asks. */
  readonly credential: 'bearer' | 'x-api-key' | 'x-goog-api-key' | 'none';
  /** Headers, names and values in turn, that take more than writing the credential down: a signature over the request, or a
   *  token that has to be asked for. They go behind the others. Throws Fault `upstream_credential` when the credential is
   *  not of the form that it needs. */
  readonly authorise?: (request: RequestToAuthorise) => Promise<readonly string[]>;
  /** Betas that it takes, others are left out with the fields they open; absent when it takes or ignores them all. */
  readonly betas?: BetaFilter;
}

export interface Quirks {
  /** Does it take `stream_options`? Those that do not refuse the field and send usage unasked. */
  readonly streamOptions: boolean;
  /** The word for an output limit that it takes, for requests that have none. */
  readonly outputLimit: 'max_completion_tokens' | 'max_tokens';
}

export const plainQuirks: Quirks = { streamOptions: true, outputLimit: 'max_tokens' };

export const chatEndpoint: Endpoint = { path: '/chat/completions', credential: 'bearer' };
export const responsesEndpoint: Endpoint = { path: '/responses', credential: 'bearer' };
export const messagesEndpoint: Endpoint = { path: '/v1/messages', credential: 'x-api-key' };
