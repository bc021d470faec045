import { Refusal } from '../answer.ts';
import type { ScriptBreak, ScriptFailure } from '../script.ts';
import { errorFrame, exceptionFrame } from './frames.ts';

// The name of the exception is a header, the body has a message alone. There is no Retry-After, and nothing of rates.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors (2026-11).

export function invalid(message: string): Refusal {
  return new Refusal(400, 'ValidationException', message);
}

/** What the model itself refuses, as Bedrock passes it on. */
export function refusedByTheModel(message: string): Refusal {
  return invalid(`The model returned the following errors: ${message}`);
}

const byStatus: Readonly<Record<number, string>> = {
  400: 'ValidationException',
  403: 'AccessDeniedException',
  404: 'ResourceNotFoundException',
  408: 'ModelTimeoutException',
  409: 'ConflictException',
  413: 'RequestEntityTooLargeException',
  424: 'ModelErrorException',
  429: 'ThrottlingException',
  500: 'InternalServerException',
  503: 'ServiceUnavailableException',
};

const messages: Readonly<Record<string, string>> = {
  ValidationException: 'Malformed input request, please reformat your input and try again.',
  AccessDeniedException: "You don't have access to the model with the specified model ID.",
  ResourceNotFoundException: 'Could not find the specified model.',
  ModelTimeoutException: 'Model has timed out in processing the request. Try your request again.',
  ModelErrorException: 'The system encountered an unexpected error during processing. Try your request again.',
  ModelNotReadyException: 'The model is not ready for inference. Wait and try your request again.',
  ThrottlingException: 'Too many requests, please wait before trying again.',
  ServiceQuotaExceededException: 'Your request exceeds the service quota for your account.',
  InternalServerException: 'The system encountered an unexpected error during processing. Try your request again.',
  ServiceUnavailableException: 'Bedrock is unable to process your request.',
  UnrecognizedClientException: 'The security token included in the request is invalid.',
  ExpiredTokenException: 'The security token included in the request is expired',
  modelStreamErrorException: 'The system encountered an unexpected error during processing. Try your request again.',
};

/** Conditions that share ValidationException and are told apart by their text alone, and others by their name. */
const byCode: Readonly<Record<string, string>> = {
  context_length_exceeded: 'Input is too long for requested model.',
  tokens: 'Too many tokens, please wait before trying again.',
};

/** What the provider documents for a status; `code` is the name of an exception, or a condition named above. */
export function bedrockFailure(failure: ScriptFailure): Refusal {
  const usual = byStatus[failure.status] ?? (failure.status < 500 ? 'ValidationException' : 'InternalServerException');
  const condition = failure.code === undefined ? undefined : byCode[failure.code];
  const type = failure.code === undefined || condition !== undefined ? usual : failure.code;
  const message = failure.message ?? condition ?? messages[type] ?? `The request failed with status ${failure.status}.`;
  return new Refusal(failure.status, type, message);
}

const unmodelled = 'error:';

/** An exception frame, or with `error:CODE` a frame of an error that no service models; whole answers: a fault in a 200. */
export function bedrockErrorFrame({ errorType }: ScriptBreak, streamed: boolean): Buffer {
  const type = errorType ?? 'modelStreamErrorException';
  if (!streamed) {
    const fault = { Output: { __type: `com.amazon.coral.service#${type}` }, Version: '1.0' };
    return Buffer.from(JSON.stringify(fault));
  }
  if (type.startsWith(unmodelled)) {
    return errorFrame(type.slice(unmodelled.length), 'The connection to the model was lost.');
  }
  const exception = `${type[0]!.toUpperCase()}${type.slice(1)}`;
  const message = messages[type] ?? messages[exception] ?? messages['InternalServerException']!;
  const original = type === 'modelStreamErrorException' ? { originalStatusCode: 500, originalMessage: message } : {};
  return exceptionFrame(type, { message, ...original });
}
