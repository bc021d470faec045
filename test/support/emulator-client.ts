import type { Emulator } from '../../src/emulator/emulator.ts';

/** A plain client for tests of the emulator: no SDK, no retries, nothing hidden. */
export interface Exchanged {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export async function send(
  emulator: Emulator,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Exchanged> {
  const response = await fetch(emulator.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer key', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

export function sendChat(emulator: Emulator, body: unknown, script?: string): Promise<Exchanged> {
  return send(emulator, '/v1/chat/completions', body, script === undefined ? {} : { 'x-carrier-emulate': script });
}

export function sendMessages(
  emulator: Emulator,
  body: unknown,
  script?: string,
  version = '2023-06-01',
): Promise<Exchanged> {
  const scripted: Record<string, string> = script === undefined ? {} : { 'x-carrier-emulate': script };
  return send(emulator, '/v1/messages', body, { 'anthropic-version': version, ...scripted });
}

/** The JSON of each `data:` line; `[DONE]` is left out. Returns what JSON.parse returns, for literal comparisons. */
export function eventsOf(text: string) {
  return text
    .split('\n')
    .filter(line => line.startsWith('data: ') && line !== 'data: [DONE]')
    .map(line => JSON.parse(line.slice('data: '.length)));
}
