import type { Configuration, IDToken } from 'openid-client';
import { Fault } from '../completion/fault.ts';
import type { OidcPolicy } from './policy.ts';

/** What a login provider says of somebody, checked. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
  /** Only where the provider vouches for it, or the operator does for the provider. */
  readonly verifiedEmail: string | undefined;
  readonly name: string | undefined;
  readonly groups: readonly string[];
}

/** The code flow with PKCE, state and nonce against one provider (OpenID Connect Core 1.0). */
export interface OidcClient {
  authorisationUrl(login: LoginSecrets, redirectUri: string): Promise<string>;
  /** Throws Fault('login_provider_failed' | 'login_provider_unavailable'). */
  identify(callback: URL, login: LoginSecrets): Promise<Identity>;
}

export interface LoginSecrets {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

const timeoutSeconds = 10;
/** Discovery documents, key sets and tokens are a few kilobytes. */
const answerBytesMax = 1024 * 1024;
/** How long a discovery document counts; key sets are read again by themselves when a key is new. */
const discoveryMs = 60 * 60_000;
const groupsMax = 500;
const textLengthMax = 256;

export function createOidcClient(nowMs: () => number): (policy: OidcPolicy) => OidcClient {
  let known: { readonly key: string; readonly untilMs: number; readonly configuration: Configuration } | undefined;

  async function configurationOf(policy: OidcPolicy): Promise<Configuration> {
    const { issuer, clientId, clientSecret } = policy;
    const key = JSON.stringify([issuer, clientId, clientSecret]);
    if (known?.key === key && nowMs() < known.untilMs) return known.configuration;
    // Asked for when somebody logs in: a start does not wait for the library.
    const library = await import('openid-client');
    const configuration = await named(() =>
      library.discovery(
        new URL(issuer),
        clientId,
        undefined,
        clientSecret === undefined ? library.None() : library.ClientSecretBasic(clientSecret),
        {
          timeout: timeoutSeconds,
          execute: isLoopback(new URL(issuer)) ? [library.allowInsecureRequests] : [],
          [library.customFetch]: boundedFetch,
        },
      ),
    );
    // Signatures are checked although the token came from the provider itself: a proxy between us is not the provider.
    library.enableNonRepudiationChecks(configuration);
    known = { key, untilMs: nowMs() + discoveryMs, configuration };
    return configuration;
  }

  return policy => ({
    authorisationUrl: async ({ state, nonce, verifier }, redirectUri) => {
      const library = await import('openid-client');
      const configuration = await configurationOf(policy);
      const url = library.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: policy.scopes.join(' '),
        code_challenge: await library.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      });
      return url.href;
    },
    identify: async (callback, { state, nonce, verifier }) => {
      const library = await import('openid-client');
      const configuration = await configurationOf(policy);
      const tokens = await named(() =>
        library.authorizationCodeGrant(configuration, callback, {
          pkceCodeVerifier: verifier,
          expectedState: state,
          expectedNonce: nonce,
          idTokenExpected: true,
        }),
      );
      const claims = tokens.claims();
      if (claims === undefined) throw new Fault('login_provider_failed', 'The provider sent no ID token.');
      const isWhole = claims['email'] !== undefined && claims[policy.groupsClaim] !== undefined;
      const asks = !isWhole && configuration.serverMetadata().userinfo_endpoint !== undefined;
      const more = asks
        ? await named(() => library.fetchUserInfo(configuration, tokens.access_token, claims.sub))
        : undefined;
      return identityOf(policy, { ...more, ...claims });
    },
  });
}

function identityOf(policy: OidcPolicy, claims: IDToken | Readonly<Record<string, unknown>>): Identity {
  const text = (value: unknown) =>
    typeof value === 'string' && value !== '' && value.length <= textLengthMax ? value : undefined;
  const all = claims as Readonly<Record<string, unknown>>;
  const subject = text(all['sub']);
  if (subject === undefined) throw new Fault('login_provider_failed', 'The subject of the ID token is too long.');
  const email = text(all['email']);
  const isVouched = all['email_verified'] === true || policy.trustEmail;
  return {
    issuer: policy.issuer,
    subject,
    verifiedEmail: isVouched && email !== undefined && /^[^\s@]+@[^\s@]+$/.test(email) ? email : undefined,
    name: text(all['name']) ?? text(all['preferred_username']),
    groups: groupsOf(all[policy.groupsClaim], policy.groupsClaim),
  };
}

/** Too many are refused rather than cut: which roles were lost, nobody would see. */
function groupsOf(claim: unknown, name: string): readonly string[] {
  if (claim === undefined || claim === null) return [];
  const groups = Array.isArray(claim) ? claim : [claim];
  const isRead = groups.every(
    group => typeof group === 'string' && group.length <= textLengthMax && !group.includes('\0'),
  );
  if (!isRead) throw new Fault('login_provider_failed', `The claim ${name} is no list of names of groups.`);
  if (groups.length > groupsMax) {
    throw new Fault('login_provider_failed', `The claim ${name} has more than ${groupsMax} groups; have fewer sent.`);
  }
  return [...new Set(groups as string[])];
}

/** What the library threw, by a name of ours. Of what the provider wrote, only its codes are shown. */
async function named<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    const causes = causesOf(cause);
    const fault = causes.find(error => error instanceof Fault);
    if (fault !== undefined) throw fault;
    if (causes.some(isGone)) throw new Fault('login_provider_unavailable', undefined, { cause, retryAfterMs: 10_000 });
    const { code, error } = cause as { readonly code?: string; readonly error?: unknown };
    const said = typeof error === 'string' && /^[a-z_]{1,64}$/.test(error) ? error : code;
    throw new Fault('login_provider_failed', said === undefined ? undefined : `The login ended with ${said}.`, {
      cause,
    });
  }
}

/** The library wraps what the network threw, and what its own checks did. */
function causesOf(error: unknown): readonly Error[] {
  const causes: Error[] = [];
  for (let at = error; at instanceof Error && causes.length < 8; at = at.cause) causes.push(at);
  return causes;
}

function isGone(error: Error): boolean {
  if (error instanceof ProviderDown || error.name === 'TimeoutError') return true;
  return error.name === 'TypeError' && error.message === 'fetch failed';
}

class ProviderDown extends Error {
  override readonly name = 'ProviderDown';
}

/** Plain HTTP is for providers on this machine, as in tests. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

async function boundedFetch(url: string, options: object): Promise<Response> {
  const answer = await fetch(url, options);
  if (answer.status >= 500) throw new ProviderDown(`the login provider answered ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > answerBytesMax) throw new Fault('login_provider_failed', 'The login provider’s answer is too large.');
    chunks.push(chunk);
  }
  const isEmpty = answer.status === 204 || answer.status === 304;
  const { status, headers } = answer;
  return new Response(isEmpty ? null : Buffer.concat(chunks), { status, headers });
}
