import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Emulator } from './emulator.ts';
import type { RecordedExchange } from './recorder.ts';
import { collectBody } from './request-body.ts';
import { ScriptError } from './script.ts';

/** No provider has paths that begin so. */
export const controlPrefix = '/__emulator/';

const bodyBytesMax = 1024 * 1024;
const requestsPerPageMax = 1_000;
const refuseMsMax = 600_000;

/** The control API, for tests in other processes:
 *    GET    /__emulator/requests?after=SEQUENCE&limit=N   what came and went, bodies in base64
 *    DELETE /__emulator/requests
 *    GET    /__emulator/stats
 *    GET    /__emulator/rules
 *    PUT    /__emulator/rules                             a JSON list of scripts
 *    POST   /__emulator/refuse                            {"forMs": N}: the listener closes for that time
 */
export function createControlHandler(
  emulator: Emulator,
  rules: () => readonly string[],
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    collectBody(request, bodyBytesMax, body => {
      const url = new URL(request.url!, 'http://emulator');
      try {
        const result = answer(`${request.method} ${url.pathname.slice(controlPrefix.length)}`, url, body);
        if (result === undefined) send(response, 404, { error: 'no such control' });
        else send(response, 200, result);
      } catch (error) {
        if (!(error instanceof ScriptError)) throw error;
        send(response, 400, { error: error.message });
      }
    });
  };

  function answer(control: string, url: URL, body: Buffer | undefined): unknown {
    switch (control) {
      case 'GET requests':
        return listRequests(url);
      case 'DELETE requests':
        emulator.clearRequests();
        return {};
      case 'GET stats':
        return emulator.stats();
      case 'GET rules':
        return rules();
      case 'PUT rules':
        emulator.replaceRules(readRules(body));
        return {};
      case 'POST refuse':
        refuseFor(readForMs(body));
        return {};
      default:
        return undefined;
    }
  }

  function listRequests(url: URL): unknown {
    const after = Number(url.searchParams.get('after') ?? 0);
    const limit = Math.min(Number(url.searchParams.get('limit') ?? requestsPerPageMax), requestsPerPageMax);
    const newer = emulator.requests().filter(exchange => exchange.sequence > after);
    return newer.slice(0, limit).map(writeExchange);
  }

  /** Closes after the answer had time to leave; opens again by itself, since nobody could ask for it. */
  function refuseFor(forMs: number): void {
    setTimeout(() => {
      void emulator.refuse();
      setTimeout(() => void emulator.accept(), forMs);
    }, 20);
  }
}

/** As tests in another process read it: buffers as base64. */
function writeExchange(exchange: RecordedExchange): unknown {
  const { body, answer, ...request } = exchange;
  return {
    ...request,
    bodyBase64: body.toString('base64'),
    answer: {
      status: answer.status,
      rawHeaders: answer.rawHeaders,
      outcome: answer.outcome,
      bodyBase64: answer.body.toString('base64'),
    },
  };
}

function readRules(body: Buffer | undefined): readonly string[] {
  const rules = readJson(body);
  if (!Array.isArray(rules) || !rules.every(rule => typeof rule === 'string')) {
    throw new ScriptError('rules are a JSON list of scripts');
  }
  return rules;
}

function readForMs(body: Buffer | undefined): number {
  const json = readJson(body);
  const forMs = typeof json === 'object' && json !== null && 'forMs' in json ? json.forMs : undefined;
  if (typeof forMs !== 'number' || !(forMs >= 0 && forMs <= refuseMsMax)) {
    throw new ScriptError(`forMs is from 0 to ${refuseMsMax}`);
  }
  return forMs;
}

function readJson(body: Buffer | undefined): unknown {
  try {
    return JSON.parse((body ?? Buffer.alloc(0)).toString('utf8'));
  } catch {
    throw new ScriptError('the body is not JSON');
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(text))]);
  response.end(text);
}
