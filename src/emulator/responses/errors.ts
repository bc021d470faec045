import { openaiErrorEvent } from '../openai/errors.ts';
import type { ScriptBreak } from '../script.ts';

// `error` is an event of its own, flat; what fails after it began can also end in `response.failed`
// (https://platform.openai.com/docs/api-reference/responses-streaming, openai 7.55, 2026-11).

const messages: Readonly<Record<string, string>> = {
  server_error: 'The server had an error while processing your request. Sorry about that!',
  rate_limit_exceeded: 'Rate limit reached for requests. Please try again in 2s.',
  insufficient_quota: 'You exceeded your current quota, please check your plan and billing details.',
  context_length_exceeded:
    'Your input exceeds the context window of this model. Please adjust your input and try again.',
  invalid_prompt: 'The prompt was refused by the safety system.',
};

const failed = 'response.failed';

/** An error inside a 200. `response.failed`, or `response.failed:CODE`, is the other of the two ways. */
export function responsesErrorEvent({ errorType, after }: ScriptBreak, streamed: boolean): Buffer {
  if (!streamed) return openaiErrorEvent(errorType, false);
  const asFailed = errorType?.startsWith(failed) === true;
  const said = asFailed ? errorType.slice(failed.length + 1) : (errorType ?? '');
  const code = said === '' ? 'server_error' : said;
  const message = messages[code] ?? messages['server_error']!;
  const event = asFailed
    ? { type: failed, sequence_number: after, response: failedResponse(code, message) }
    : { type: 'error', sequence_number: after, code, message, param: null };
  return Buffer.from(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

function failedResponse(code: string, message: string): object {
  return {
    id: 'resp_failed',
    object: 'response',
    created_at: 1_767_225_600,
    status: 'failed',
    error: { code, message },
    incomplete_details: null,
    model: 'emulated',
    output: [],
    usage: null,
  };
}
