import type { CompletionEvent, Finish } from '../../completion/event.ts';
import type { LossLedger } from '../../completion/loss.ts';
import { AnswerEvents } from '../answer-events.ts';
import { readName } from '../answer-tally.ts';
import type { StreamDecoder } from '../dialect.ts';
import { parseBoundedInexact } from '../exact-json.ts';
import { NameTable } from '../name-table.ts';
import { EventStreamDecoder, type WireEventDecoder } from '../stream-decoder.ts';
import { isEmpty, isRecord, type WireRecord } from '../wire-values.ts';
import { decodeStreamFault } from './fault.ts';
import { type ItemKind, itemKind, OpenItems, type ReadItem } from './read-items.ts';
import { readResponsesUsage } from './usage.ts';

export function decodeAnswer(body: Buffer, losses: LossLedger): CompletionEvent[] {
  const decoder = new ResponseDecoder(losses);
  decoder.decodeWhole(body.toString('utf8'));
  return decoder.events.take();
}

export function decodeStream(losses: LossLedger, eventBytesMax?: number): StreamDecoder {
  return new EventStreamDecoder(new ResponseDecoder(losses), eventBytesMax);
}

/** Read where the data has no type. */
const eventNames = new NameTable([
  'response.created',
  'response.in_progress',
  'response.output_item.added',
  'response.output_item.done',
  'response.content_part.added',
  'response.content_part.done',
  'response.output_text.delta',
  'response.output_text.done',
  'response.output_text.annotation.added',
  'response.refusal.delta',
  'response.refusal.done',
  'response.function_call_arguments.delta',
  'response.function_call_arguments.done',
  'response.custom_tool_call_input.delta',
  'response.custom_tool_call_input.done',
  'response.reasoning_summary_part.added',
  'response.reasoning_summary_text.delta',
  'response.reasoning_summary_text.done',
  'response.reasoning_text.delta',
  'response.reasoning_text.done',
  'response.completed',
  'response.incomplete',
  'response.failed',
  'error',
]);

class ResponseDecoder implements WireEventDecoder {
  readonly eventNames = eventNames;
  readonly events: AnswerEvents;
  readonly #items: OpenItems;

  constructor(losses: LossLedger) {
    this.events = new AnswerEvents(losses);
    this.#items = new OpenItems(this.events);
  }

  decode(text: string, name: number): undefined {
    // Some hosts end as they end chat completions: what ends an answer here must have come before.
    if (text.startsWith('[DONE]')) return;
    const event = parsed(text);
    const type = isRecord(event) && typeof event['type'] === 'string' ? event['type'] : eventNames.names[name];
    if (type === 'error') return this.events.fail(decodeStreamFault(event));
    if (!isRecord(event)) return this.events.malformed('an event that is not a JSON object');
    switch (type) {
      case 'response.created':
      case 'response.in_progress':
        return this.#start(event['response']);
      case 'response.failed':
        return this.events.fail(decodeStreamFault(event));
      case 'response.completed':
      case 'response.incomplete':
        return this.#end(event['response'], type);
      case undefined:
        return event['error'] == null ? undefined : this.events.fail(decodeStreamFault(event));
      default:
        return this.#inside(type, event);
    }
  }

  decodeWhole(text: string): undefined {
    const response = parsed(text);
    if (!isRecord(response)) return this.events.malformed('an answer that is not a JSON object');
    if (response['error'] != null || response['status'] === 'failed') {
      return this.events.fail(decodeStreamFault(response));
    }
    if (response['status'] === 'queued' || response['status'] === 'in_progress') {
      return this.events.malformed(`a response that is ${response['status']}`);
    }
    if (!Array.isArray(response['output'])) return this.events.malformed('an answer without output');
    this.#end(response, response['status'] === 'incomplete' ? 'response.incomplete' : 'response.completed');
  }

  #start(value: unknown): undefined {
    if (this.events.isStarted) return;
    const response = isRecord(value) ? value : {};
    const { created_at: created } = response;
    const createdAtMs = typeof created === 'number' ? created * 1000 : undefined;
    this.events.start(readName(response['id']) ?? '', readName(response['model']), createdAtMs);
  }

  #inside(type: string, event: WireRecord): undefined {
    const { delta, text } = event;
    switch (type) {
      case 'response.output_item.added':
        this.#item(event)?.begin(event['item']);
        return;
      case 'response.output_item.done':
        this.#item(event)?.end(event['item']);
        return;
      case 'response.content_part.added':
      case 'response.content_part.done':
        this.#part(event, type === 'response.content_part.done');
        return;
      case 'response.output_text.delta':
        return this.#at(event, 'message')?.text('text', event['content_index'], delta);
      case 'response.output_text.done':
        return this.#at(event, 'message')?.endText('text', event['content_index'], text);
      case 'response.refusal.delta':
        return this.#at(event, 'message')?.text('refusal', event['content_index'], delta);
      case 'response.refusal.done':
        return this.#at(event, 'message')?.endText('refusal', event['content_index'], event['refusal']);
      case 'response.output_text.annotation.added':
        return this.events.lose('annotations-unsupported', 'output.content.annotations');
      case 'response.function_call_arguments.delta':
        return this.#at(event, 'call')?.arguments(delta);
      case 'response.function_call_arguments.done':
        return this.#at(event, 'call')?.allArguments(event['arguments']);
      case 'response.custom_tool_call_input.delta':
        return this.#at(event, 'call')?.arguments(delta);
      case 'response.custom_tool_call_input.done':
        return this.#at(event, 'call')?.allArguments(event['input']);
      case 'response.reasoning_summary_part.added':
      case 'response.reasoning_summary_text.delta':
        return this.#at(event, 'reasoning')?.thought(`s${Number(event['summary_index'])}`, delta);
      case 'response.reasoning_summary_text.done':
        return this.#at(event, 'reasoning')?.allThought(`s${Number(event['summary_index'])}`, text);
      case 'response.reasoning_text.delta':
        return this.#at(event, 'reasoning')?.thought(`c${Number(event['content_index'])}`, delta);
      case 'response.reasoning_text.done':
        return this.#at(event, 'reasoning')?.allThought(`c${Number(event['content_index'])}`, text);
    }
  }

  /** A part that ends has all of its text. */
  #part(event: WireRecord, isDone: boolean): undefined {
    const { part } = event;
    if (!isRecord(part)) return;
    const type = part['type'];
    if (type === 'output_text' && !isEmpty(part['annotations'] ?? '')) {
      this.events.lose('annotations-unsupported', 'output.content.annotations');
    }
    if (!isDone) return;
    if (type === 'output_text') this.#at(event, 'message')?.endText('text', event['content_index'], part['text']);
    else if (type === 'refusal')
      this.#at(event, 'message')?.endText('refusal', event['content_index'], part['refusal']);
    else if (type === 'reasoning_text') {
      this.#at(event, 'reasoning')?.allThought(`c${Number(event['content_index'])}`, part['text']);
    } else this.events.lose('part-unsupported', 'output.content');
  }

  /** Of an event that holds the item itself. */
  #item(event: WireRecord): ReadItem | undefined {
    const { item } = event;
    if (!isRecord(item)) return;
    const kind = itemKind(item['type']);
    if (kind === undefined) return this.events.lose('block-unsupported', 'output');
    return this.#at(event, kind);
  }

  /** The item that an event is of; hosts are not all careful to begin one before they go on with it. */
  #at(event: WireRecord, kind: ItemKind): ReadItem | undefined {
    this.#start(undefined);
    return this.#items.at(event['output_index'], kind);
  }

  #end(value: unknown, type: 'response.completed' | 'response.incomplete'): undefined {
    if (!isRecord(value)) return this.events.malformed(`a ${type} without its response`);
    this.#start(value);
    const { events } = this;
    const output = Array.isArray(value['output']) ? value['output'] : [];
    // Where nothing came before, all of it is here; else only what its items lack.
    const isWhole = this.#items.isEmpty;
    for (const [index, item] of output.entries()) this.#whole(item, index, isWhole);
    if (events.isOver) return;
    this.#items.endAll();
    events.tally.serviceTier = readName(value['service_tier']) ?? events.tally.serviceTier;
    const finish = this.#finish(value, type);
    events.tally.finishRaw = finish.raw ?? 'completed';
    events.usage(value['usage'], readResponsesUsage(value['usage']));
    if (!events.isOver) events.end(finish);
  }

  /** Of the list at the end: what the stream said before is not said again. */
  #whole(item: unknown, index: number, isWhole: boolean): undefined {
    if (!isRecord(item) || this.events.isOver) return;
    const kind = itemKind(item['type']);
    if (kind === undefined) return this.events.lose('block-unsupported', 'output');
    (isWhole ? this.#items.at(index, kind) : this.#items.known(index, kind))?.end(item);
  }

  #finish(response: WireRecord, type: string): Finish {
    const details = response['incomplete_details'];
    const why = isRecord(details) ? readName(details['reason']) : undefined;
    if (type === 'response.incomplete' || why !== undefined) {
      const reason = why === 'max_output_tokens' ? 'length' : why === 'content_filter' ? 'content-filter' : 'other';
      return { reason, raw: why ?? 'incomplete', stopSequence: undefined };
    }
    const reason = this.#items.calls > 0 ? 'tool-call' : this.#items.hasRefusal ? 'refusal' : 'stop';
    // That it is completed says less than the reason.
    return { reason, raw: undefined, stopSequence: undefined };
  }
}

function parsed(text: string): unknown {
  try {
    return parseBoundedInexact(text);
  } catch {
    return undefined;
  }
}
