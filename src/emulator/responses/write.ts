import type { Json } from '../openai/wire.ts';
import { tokenLogprob } from '../openai/write.ts';
import type { Reply } from '../reply/reply.ts';
import { bytesPerToken, splitText } from '../reply/tokens.ts';
import { sealReasoning } from './seal.ts';

/** What is the same for a whole answer and for the events of its stream. */
export interface ResponseHead {
  /** Hexadecimal; ids of the items are cut from it. */
  readonly digest: string;
  readonly created: number;
  /** What the answer repeats of its request. */
  readonly echo: Json;
  readonly summary: boolean;
  readonly encrypted: boolean;
  readonly logprobs: number | undefined;
  readonly obfuscated: boolean;
  /** Namespaces of tools, by the tools' names. */
  readonly namespaces: ReadonlyMap<string, string>;
  /** Why the answer is incomplete, as a script wants it. */
  readonly incomplete: string | undefined;
}

const inputBytesPerEvent = 2 * bytesPerToken;

export function writeWholeResponse(head: ResponseHead, reply: Reply, usage: Json | undefined): Buffer {
  const output = itemsOf(head, reply).map(item => item.done);
  return Buffer.from(`${JSON.stringify(ended(head, reply, output, usage), null, 2)}\n`);
}

function response(head: ResponseHead, status: string, output: readonly Json[], more: Json): Json {
  return {
    id: `resp_${head.digest.slice(0, 48)}`,
    object: 'response',
    created_at: head.created,
    status,
    background: false,
    error: null,
    incomplete_details: null,
    ...head.echo,
    output,
    ...more,
  };
}

function ended(head: ResponseHead, reply: Reply, output: readonly Json[], usage: Json | undefined): Json {
  const reason = head.incomplete ?? (reply.finish === 'length' ? 'max_output_tokens' : undefined);
  const details = reason === undefined ? { completed_at: head.created } : { incomplete_details: { reason } };
  return response(head, reason === undefined ? 'completed' : 'incomplete', output, { ...details, usage });
}

/** One item of the output: as it begins, what comes in between, as it is done. */
interface Item {
  readonly id: string;
  readonly added: Json;
  readonly parts: readonly Json[];
  readonly done: Json;
}

function itemsOf(head: ResponseHead, reply: Reply): Item[] {
  const items: Item[] = [];
  if (reply.reasoning !== undefined) items.push(reasoningItem(head, reply.reasoning));
  if (reply.text !== '' || (reply.calls.length === 0 && reply.finish !== 'length'))
    items.push(messageItem(head, reply));
  for (const call of reply.calls) items.push(callItem(head, call));
  return items;
}

function reasoningItem(head: ResponseHead, thought: string): Item {
  const id = `rs_${head.digest.slice(0, 48)}`;
  const open = { id, type: 'reasoning', summary: [] as Json[] };
  const sealed = head.encrypted ? { encrypted_content: sealReasoning(id) } : {};
  // The state is there when the item begins, as the API sends it.
  if (!head.summary) return { id, added: { ...open, ...sealed }, parts: [], done: { ...open, ...sealed } };
  const whole = { type: 'summary_text', text: thought };
  const at = { item_id: id, summary_index: 0 };
  return {
    id,
    added: { ...open, ...sealed },
    parts: [
      { type: 'response.reasoning_summary_part.added', ...at, part: { type: 'summary_text', text: '' } },
      ...splitText(thought, bytesPerToken).map(delta => ({
        type: 'response.reasoning_summary_text.delta',
        ...at,
        delta,
      })),
      { type: 'response.reasoning_summary_text.done', ...at, text: thought },
      { type: 'response.reasoning_summary_part.done', ...at, part: whole },
    ],
    done: { ...open, summary: [whole], ...sealed },
  };
}

function messageItem(head: ResponseHead, reply: Reply): Item {
  const id = `msg_${head.digest.slice(0, 48)}`;
  const item = { id, type: 'message' };
  const at = { item_id: id, content_index: 0 };
  const pieces = splitText(reply.text, bytesPerToken);
  const status = reply.finish === 'length' ? 'incomplete' : 'completed';
  const parts = reply.refused ? refusalParts(at, reply.text, pieces) : textParts(head, at, reply.text, pieces);
  return {
    id,
    added: { ...item, status: 'in_progress', role: 'assistant', content: [] },
    parts: parts.events,
    done: { ...item, status, role: 'assistant', content: [parts.whole] },
  };
}

interface Parts {
  readonly events: readonly Json[];
  readonly whole: Json;
}

function textParts(head: ResponseHead, at: Json, text: string, pieces: readonly string[]): Parts {
  const probable = (tokens: readonly string[]) =>
    head.logprobs === undefined ? [] : tokens.map(token => tokenLogprob(token, head.logprobs!));
  const logprobs = probable(pieces);
  const part = (said: string, sure: readonly unknown[]) => ({
    type: 'output_text',
    annotations: [],
    logprobs: sure,
    text: said,
  });
  const whole = part(text, logprobs);
  return {
    whole,
    events: [
      { type: 'response.content_part.added', ...at, part: part('', []) },
      ...pieces.map(delta => ({ type: 'response.output_text.delta', ...at, delta, logprobs: probable([delta]) })),
      { type: 'response.output_text.done', ...at, text, logprobs },
      { type: 'response.content_part.done', ...at, part: whole },
    ],
  };
}

function refusalParts(at: Json, refusal: string, pieces: readonly string[]): Parts {
  const whole = { type: 'refusal', refusal };
  return {
    whole,
    events: [
      { type: 'response.content_part.added', ...at, part: { type: 'refusal', refusal: '' } },
      ...pieces.map(delta => ({ type: 'response.refusal.delta', ...at, delta })),
      { type: 'response.refusal.done', ...at, refusal },
      { type: 'response.content_part.done', ...at, part: whole },
    ],
  };
}

function callItem(head: ResponseHead, call: Reply['calls'][number]): Item {
  const [prefix, type, field, event] = call.freeText
    ? (['ctc', 'custom_tool_call', 'input', 'response.custom_tool_call_input'] as const)
    : (['fc', 'function_call', 'arguments', 'response.function_call_arguments'] as const);
  const id = `${prefix}_${call.digest.slice(0, 48)}`;
  const namespace = head.namespaces.get(call.name);
  const item = (input: string, status: string) => ({
    id,
    type,
    // Custom calls have no status of their own.
    ...(call.freeText ? {} : { status }),
    [field]: input,
    call_id: `call_${call.digest.slice(0, 24)}`,
    name: call.name,
    ...(namespace === undefined ? {} : { namespace }),
  });
  return {
    id,
    added: item('', 'in_progress'),
    parts: [
      ...splitText(call.input, inputBytesPerEvent).map(delta => ({ type: `${event}.delta`, item_id: id, delta })),
      { type: `${event}.done`, item_id: id, [field]: call.input },
    ],
    done: item(call.input, call.complete ? 'completed' : 'incomplete'),
  };
}

/** The events of a stream, from response.created to response.completed or response.incomplete. */
export function writeResponseStream(head: ResponseHead, reply: Reply, usage: Json | undefined): Buffer[] {
  const frames: Buffer[] = [];
  const add = (event: Json) => {
    const { type, ...rest } = event;
    const numbered = { type, sequence_number: frames.length, ...rest };
    frames.push(Buffer.from(`event: ${String(type)}\ndata: ${JSON.stringify(numbered)}\n\n`));
  };
  const begun = response(head, 'in_progress', [], { usage: null });
  add({ type: 'response.created', response: begun });
  add({ type: 'response.in_progress', response: begun });
  const items = itemsOf(head, reply);
  for (const [position, item] of items.entries()) {
    add({ type: 'response.output_item.added', output_index: position, item: item.added });
    for (const part of item.parts) add({ ...part, output_index: position, ...obfuscation(head, part, frames.length) });
    add({ type: 'response.output_item.done', output_index: position, item: item.done });
  }
  const output = items.map(item => item.done);
  const end = ended(head, reply, output, usage);
  add({ type: `response.${String(end['status'])}`, response: end });
  return frames;
}

/** Padding of deltas, so that their lengths say less; on unless `include_obfuscation` is false. */
function obfuscation(head: ResponseHead, part: Json, position: number): Json {
  if (!head.obfuscated || !String(part['type']).endsWith('.delta')) return {};
  const start = position % 32;
  return { obfuscation: head.digest.slice(start, start + 4 + (position % 12)) };
}
