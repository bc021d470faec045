import type { AdminUnderTest } from './admin.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is looked into by the assertions
  readonly json: any;
}

export type CallAdmin = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<AdminAnswer>;

/** Calls the management API with its key, as JSON; a text is sent as it is. */
export function adminCaller({ app, adminKey }: Pick<AdminUnderTest, 'app' | 'adminKey'>): CallAdmin {
  return async (method, path, body, headers = {}) => {
    const request = new Request(`http://carrier${path}`, {
      method,
      headers: {
        authorization: `Bearer ${adminKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined || method === 'GET'
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const response = await app.fetch(request, { requestId: 'ex_test', address: '192.0.2.7' });
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return { status: response.status, headers: response.headers, json: isJson ? JSON.parse(text) : text };
  };
}
