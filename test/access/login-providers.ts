import { createSign, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

/** Login providers on loopback: one that conforms, and one that does what it is told, such as lying. */

export const callback = 'http://127.0.0.1:8080/api/v1/login/oidc/callback';
export const clientSecret = 'acme-secret-acme-secret-acme-secret'; // of ACME_KEY in test/support/control.ts

export interface Person {
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly name?: string;
  readonly groups?: readonly string[];
}

export interface RunningProvider {
  readonly issuer: string;
  stop(): Promise<void>;
}

/** The package oidc-provider, with people by their login name. */
export async function startConformant(people: Readonly<Record<string, Person>>): Promise<RunningProvider> {
  const server = createServer();
  const issuer = await listen(server);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'carrier',
        client_secret: clientSecret,
        redirect_uris: [callback],
        grant_types: ['authorization_code'],
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'first', alg: 'RS256', use: 'sig' }] },
    cookies: { keys: ['a-key-of-cookies'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    features: { devInteractions: { enabled: true } },
    findAccount: (_context: unknown, id: string) =>
      people[id] === undefined ? undefined : { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  });
  server.on('request', provider.callback());
  return { issuer, stop: () => stop(server) };
}

/** What a browser does at that provider: follows, logs in, agrees. Returns where it is sent back to. */
export async function visitProvider(start: string, login: string): Promise<string> {
  const cookies = new Map<string, string>();
  let [url, body]: [string, string | undefined] = [start, undefined];
  for (let step = 0; step < 20; step++) {
    const response: Response = await fetch(url, {
      redirect: 'manual',
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const location = response.headers.get('location');
    if (location !== null) {
      if (location.startsWith(callback)) return location;
      [url, body] = [new URL(location, url).href, undefined];
      continue;
    }
    const page = await response.text();
    const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
    if (action === undefined) throw new Error(`no form at ${url}: ${response.status} ${page.slice(0, 400)}`);
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1] ?? 'login';
    [url, body] = [new URL(action, url).href, new URLSearchParams({ prompt, login, password: 'any' }).toString()];
  }
  throw new Error('the provider sends its visitor in circles');
}

/** How the other one answers; what is not said is as it should be. */
export interface Behaviour {
  issuerSaid?: string;
  claims?: Readonly<Record<string, unknown>>;
  header?: Readonly<Record<string, unknown>>;
  /** Signed by a key that is not in its key set. */
  isForged?: boolean;
  isUnsigned?: boolean;
  tokenStatus?: number;
  isHuge?: boolean;
}

export interface ObedientProvider extends RunningProvider {
  behaviour: Behaviour;
  /** Of the login under way. */
  nonce: string;
}

export async function startObedient(): Promise<ObedientProvider> {
  const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const others = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const server = createServer((request, response) => {
    const answer = (value: unknown, status = 200) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    const { behaviour } = provider;
    const path = new URL(request.url ?? '/', issuer).pathname;
    if (path === '/.well-known/openid-configuration') {
      return answer({
        issuer: behaviour.issuerSaid ?? issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        id_token_signing_alg_values_supported: ['RS256'],
        code_challenge_methods_supported: ['S256'],
        ...(behaviour.isHuge ? { padding: 'x'.repeat(2 * 1024 * 1024) } : {}),
      });
    }
    if (path === '/jwks') {
      return answer({ keys: [{ ...own.publicKey.export({ format: 'jwk' }), kid: 'own', alg: 'RS256', use: 'sig' }] });
    }
    if (behaviour.tokenStatus !== undefined) return answer({ error: 'invalid_grant' }, behaviour.tokenStatus);
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const claims = {
      iss: issuer,
      aud: 'carrier',
      sub: 'sub-1',
      iat: nowSeconds,
      exp: nowSeconds + 300,
      nonce: provider.nonce,
      email: 'ann@acme.example',
      email_verified: true,
      groups: ['developers'],
      ...behaviour.claims,
    };
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const header = behaviour.isUnsigned ? { alg: 'none' } : { alg: 'RS256', kid: 'own', ...behaviour.header };
    const signed = `${part(header)}.${part(claims)}`;
    const key = (behaviour.isForged ? others : own).privateKey;
    const signature = behaviour.isUnsigned ? '' : createSign('sha256').update(signed).sign(key).toString('base64url');
    return answer({
      access_token: 'access',
      token_type: 'Bearer',
      expires_in: 300,
      id_token: `${signed}.${signature}`,
    });
  });
  const issuer = await listen(server);
  const provider: ObedientProvider = { issuer, behaviour: {}, nonce: '', stop: () => stop(server) };
  return provider;
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // true: it listens on TCP
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  if (server.listening) {
    server.close();
    await once(server, 'close');
  }
}
