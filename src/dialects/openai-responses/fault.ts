import type { Fault } from '../../completion/fault.ts';
import type { CompleteCall, EventPlace } from '../answer-so-far.ts';
import type { FaultAnswer, FaultContext, FaultResponse } from '../dialect.ts';
import { encodeFault as encodeOpenAiFault, errorOf } from '../openai-chat/fault.ts';
import { readInnerFault, readProviderFault } from '../provider-fault.ts';
import { isRecord } from '../wire-values.ts';
import { sse } from './events.ts';

/** Errors have the shape that they have in chat completions (https://developers.openai.com/api/docs/guides/error-codes,
 *  2026-11). */
export function decodeFault(response: FaultResponse): Fault {
  return readProviderFault(response);
}

/** An error event, `response.failed`, or an answer that failed. */
export function decodeStreamFault(body: unknown): Fault {
  const response = isRecord(body) && isRecord(body['response']) ? body['response'] : body;
  return readInnerFault(response);
}

export function encodeFault(fault: Fault, context: FaultContext): FaultAnswer {
  return encodeOpenAiFault(fault, context);
}

/** As the API ends a stream that fails: an error event, and the answer that failed (recorded traffic in
 *  github.com/vercel/ai, packages/openai, 2026-11). Some clients know the one (openai-node raises on it), some the other
 *  (Codex reads the code of the failed answer). The error stands in its event twice, as the types document it and as the
 *  API sends it. */
export function encodeStreamFault(fault: Fault, { exchangeId, salvage, place }: FaultContext): Buffer {
  const { type, message, param, code: word } = errorOf(fault);
  // An answer that failed has a code always (openai-node 7.55, responses.ts, 2026-11).
  const code = word ?? (fault.class === 'invalid' ? 'invalid_prompt' : 'server_error');
  const { answerId, nextEvent }: EventPlace = place ?? { answerId: undefined, nextEvent: 0 };
  const error = {
    type: 'error',
    code,
    message,
    param,
    sequence_number: nextEvent,
    // Not of the API: docs/guides/failover.md.
    error: { type, code, message, param, salvageable_tool_calls: salvage?.map(salvagedCall) },
  };
  const failed = {
    type: 'response.failed',
    response: {
      id: answerId ?? `resp_${exchangeId}`,
      object: 'response',
      status: 'failed',
      error: { code, message },
      incomplete_details: null,
      output: [],
      usage: null,
    },
    sequence_number: nextEvent + 1,
  };
  return Buffer.from(sse('error', JSON.stringify(error)) + sse('response.failed', JSON.stringify(failed)));
}

function salvagedCall({ id, name, argumentsText, custom }: CompleteCall): unknown {
  return custom
    ? { type: 'custom_tool_call', call_id: id, name, input: argumentsText }
    : { type: 'function_call', call_id: id, name, arguments: argumentsText };
}
