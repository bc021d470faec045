import type { Fault, FaultClass, FaultCode } from '../../completion/fault.ts';
import type { CompleteCall } from '../answer-so-far.ts';
import { overflowNumbers } from '../context-overflow.ts';
import type { FaultAnswer, FaultContext, FaultResponse } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { readInnerFault, readProviderFault, shownMessage } from '../provider-fault.ts';
import { exceptionFrame } from './frames.ts';

/** The header that names an exception, as `ThrottlingException` or `ThrottlingException:http://internal…`. */
const typeHeader = 'x-amzn-errortype';

export function decodeFault(response: FaultResponse): Fault {
  const header = response.headers[typeHeader];
  const type = typeof header === 'string' ? header : header?.[0];
  return readProviderFault(response, type === undefined ? undefined : shapeName(type));
}

/** An exception frame; `type` is what its headers say. */
export function decodeStreamFault(body: unknown, type: string): Fault {
  return readInnerFault(body, shapeName(type));
}

/** The name of a shape without its namespace before `#` and its address behind `:`
 *  (https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization, 2026-11). */
function shapeName(type: string): string {
  return type.replace(/:.*$/s, '').replace(/^.*#/s, '').trim();
}

export function encodeFault(fault: Fault, context: FaultContext): FaultAnswer {
  return {
    status: statuses[fault.code] ?? classStatuses[fault.class] ?? fault.status,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify({ message: messageOf(fault) })),
    headers: [typeHeader, types[fault.code] ?? classTypes[fault.class], 'x-amzn-requestid', context.exchangeId],
  };
}

/** An exception frame; nothing follows it. */
export function encodeStreamFault(fault: Fault, context: FaultContext): Buffer {
  return exceptionFrame(
    streamTypes[fault.code] ?? classStreamTypes[fault.class],
    JSON.stringify({
      message: messageOf(fault),
      // Not of the API: docs/guides/failover.md.
      salvageableToolUses: context.salvage?.map(salvagedCall),
    }),
  );
}

function salvagedCall({ id, name, argumentsText }: CompleteCall): unknown {
  return { toolUseId: id, name, input: parseBounded(argumentsText) };
}

/** Clients know an overflow by its words only (https://github.com/aws-samples/bedrock-chat/issues/95, 2026-11). */
function messageOf(fault: Fault): string {
  const message = shownMessage(fault);
  if (fault.class !== 'context' || /input is too long for requested model/i.test(message)) return message;
  const numbers = overflowNumbers(message);
  const said = numbers && `prompt is too long: ${numbers.askedTokens} tokens > ${numbers.limitTokens} maximum`;
  return `Input is too long for requested model: ${said ?? message}`;
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors (2026-11). */
const classTypes = {
  invalid: 'ValidationException',
  context: 'ValidationException',
  authentication: 'UnrecognizedClientException',
  permission: 'AccessDeniedException',
  not_found: 'ResourceNotFoundException',
  too_large: 'ValidationException',
  rate: 'ThrottlingException',
  quota: 'ServiceQuotaExceededException',
  overloaded: 'ServiceUnavailableException',
  timeout: 'ModelTimeoutException',
  upstream: 'InternalServerException',
  internal: 'InternalServerException',
} as const satisfies Record<FaultClass, string>;

/** Where the exception has another status than the fault. */
const classStatuses: Partial<Record<FaultClass, number>> = { timeout: 408 };
const statuses: Partial<Record<FaultCode, number>> = { upstream_error: 500 };

/** SDKs that are told of `InvalidSignatureException` compare their clock with the Date header of the answer (@aws-sdk/core 3, 2026-11). */
const types: Partial<Record<FaultCode, string>> = {
  key_missing: 'MissingAuthenticationTokenException',
  signature_invalid: 'InvalidSignatureException',
  signature_expired: 'InvalidSignatureException',
  signature_malformed: 'IncompleteSignatureException',
};

/** A stream may end in these five only (same page of ConverseStream). */
const classStreamTypes = {
  invalid: 'validationException',
  context: 'validationException',
  authentication: 'validationException',
  permission: 'validationException',
  not_found: 'validationException',
  too_large: 'validationException',
  rate: 'throttlingException',
  quota: 'throttlingException',
  overloaded: 'serviceUnavailableException',
  timeout: 'modelStreamErrorException',
  upstream: 'internalServerException',
  internal: 'internalServerException',
} as const satisfies Record<FaultClass, string>;

/** "An error occurred while streaming the response." */
const streamTypes: Partial<Record<FaultCode, string>> = {
  upstream_truncated: 'modelStreamErrorException',
  upstream_malformed: 'modelStreamErrorException',
};
