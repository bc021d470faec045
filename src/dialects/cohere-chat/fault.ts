import type { Fault } from '../../completion/fault.ts';
import type { CompleteCall } from '../answer-so-far.ts';
import { overflowNumbers } from '../context-overflow.ts';
import type { FaultAnswer, FaultContext, FaultResponse } from '../dialect.ts';
import { readInnerFault, readProviderFault, shownMessage } from '../provider-fault.ts';
import { isRecord } from '../wire-values.ts';

export function decodeFault(response: FaultResponse): Fault {
  return readProviderFault(response);
}

/** An error event of a stream, or an error as the body of a 200. */
export function decodeStreamFault(body: unknown): Fault {
  return readInnerFault(body);
}

/** An answer that ends so is broken: "the generation failed due to an internal error", "it exceeded the allowed time limit"
 *  (cohere-ai 8.1.0, ChatFinishReason.d.ts, 2026-11). undefined for one that ended well. */
export function brokenOff(finishRaw: string | undefined, error: unknown): Fault | undefined {
  const isTimeout = finishRaw === 'TIMEOUT';
  const type = isTimeout ? { type: 'timeout' } : undefined;
  if (typeof error === 'string' && error !== '') return decodeStreamFault({ message: error, ...type });
  if (isRecord(error)) return decodeStreamFault({ error });
  if (!isTimeout && finishRaw !== 'ERROR') return undefined;
  return decodeStreamFault({ message: `The provider broke off (${finishRaw}).`, ...type });
}

export function encodeFault(fault: Fault, { exchangeId }: FaultContext): FaultAnswer {
  return {
    status: fault.status,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify({ id: exchangeId, message: messageOf(fault), error_type: errorTypeOf(fault) })),
  };
}

/** The end of a stream says that it failed: clients know no other event for that. */
export function encodeStreamFault(fault: Fault, { salvage }: FaultContext): Buffer {
  const event = {
    type: 'message-end',
    delta: {
      error: messageOf(fault),
      finish_reason: fault.class === 'timeout' ? 'TIMEOUT' : 'ERROR',
      // Not of the API: docs/guides/failover.md.
      salvageable_tool_calls: salvage?.map(salvagedCall),
    },
  };
  return Buffer.from(`event: message-end\ndata: ${JSON.stringify(event)}\n\n`);
}

function salvagedCall({ id, name, argumentsText }: CompleteCall): unknown {
  return { id, type: 'function', function: { name, arguments: argumentsText } };
}

/** Its one word of this kind (recorded traffic in github.com/pydantic/pydantic-ai, 2026-11). */
function errorTypeOf(fault: Fault): string | undefined {
  return fault.class === 'context' ? 'TOO_MANY_TOKENS' : undefined;
}

/** Clients know an overflow by these words (https://docs.cohere.com/reference/errors, 2026-11). */
function messageOf(fault: Fault): string {
  const message = shownMessage(fault);
  if (fault.class !== 'context' || /^too many tokens\b/i.test(message)) return message;
  const numbers = overflowNumbers(message);
  if (numbers === undefined) return `too many tokens: ${message}`;
  const { askedTokens, limitTokens } = numbers;
  return `too many tokens: total number of tokens in the prompt cannot exceed ${limitTokens} - received ${askedTokens}.`;
}
