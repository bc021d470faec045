import { Fault } from '../completion/fault.ts';
import type { CompletionRequest, Turn } from '../completion/request.ts';
import { type ReadRequest, readRequest } from '../dialects/translate.ts';
import { estimateOutputTokens, familyOf } from '../metering/estimates.ts';
import type { Deployment } from '../snapshot/load.ts';
import { type Admission, outputTokensFitting } from './admit.ts';
import { type Exchange, estimatedRequest } from './exchange.ts';
import { continuesText } from './on-failure.ts';

/** The request for the rest of a text: the conversation, what was said so far as the assistant's last turn, and what is left
 *  of the output limit, so that all of it together stays within the limit and within the hold. Throws Fault
 *  `translation_unsupported` when this deployment cannot have it. */
export function continuationFor(exchange: Exchange, admission: Admission, deployment: Deployment): ReadRequest {
  if (!continuesText(deployment, exchange.dialect)) {
    throw new Fault('translation_unsupported', 'The provider is not documented to go on with a text.');
  }
  // Providers refuse a last turn that ends in white space (https://platform.claude.com/docs/en/build-with-claude/
  // prompt-engineering/prefill-claudes-response, 2026-11).
  const text = exchange.showing.text.trimEnd();
  const read = exchange.translation ?? readRequest(exchange.dialect, exchange.body, exchange.scan.named);
  const outputTokensMax = outputTokensLeft(exchange, admission, deployment, text);
  return { ...read, request: { ...goneOn(read.request, text), outputTokensMax } };
}

function goneOn(request: CompletionRequest, text: string): CompletionRequest {
  const last = request.turns.at(-1);
  const prefilled = request.continuesAssistant === true && last?.role === 'assistant';
  const said: Turn = { role: 'assistant', blocks: [{ type: 'text', text }], path: 'continuation' };
  // A turn that the client began itself is begun by its words.
  const begun = prefilled ? { ...last, blocks: joined(last.blocks, text) } : undefined;
  const turns = begun === undefined ? [...request.turns, said] : [...request.turns.slice(0, -1), begun];
  return { ...request, turns, continuesAssistant: true };
}

function joined(blocks: Turn['blocks'], text: string): Turn['blocks'] {
  const last = blocks.at(-1);
  if (last?.type !== 'text') return [...blocks, { type: 'text', text }];
  return [...blocks.slice(0, -1), { ...last, text: last.text + text }];
}

function outputTokensLeft(exchange: Exchange, admission: Admission, deployment: Deployment, text: string): number {
  const { scan, body } = exchange;
  const textBytes = Buffer.byteLength(text);
  const asked = scan.outputTokensMax ?? admission.loweredOutputTokensMax ?? deployment.outputTokensMax;
  const limit = Math.min(asked, admission.loweredOutputTokensMax ?? asked, deployment.outputTokensMax);
  const left = limit - estimateOutputTokens(textBytes, familyOf(deployment.model));
  const fitting = outputTokensFitting(exchange, admission, deployment, {
    bodyBytes: body.length + textBytes + turnBytes,
    outputTokensMax: left,
  });
  if (fitting < 1) throw new Fault('translation_unsupported', 'Nothing is left of the output limit, or of the hold.');
  return fitting;
}

/** What a turn costs beside its text; held from the beginning where a text may be gone on with. */
export const turnBytes = 64;

/** The request of an attempt that goes on with a text, as estimates see it. */
export function estimatedContinuation(exchange: Exchange): ReturnType<typeof estimatedRequest> {
  const request = estimatedRequest(exchange);
  if (exchange.showing.next !== 'continue') return request;
  return { ...request, textBytes: request.textBytes + Buffer.byteLength(exchange.showing.text) };
}
