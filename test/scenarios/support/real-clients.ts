import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

/** The public clients behind one face, so that a scenario can ask the same of each. */
export interface RealClient {
  readonly name: string;
  readonly dialect: 'openai-chat' | 'anthropic-messages';
  ask(question: Question): Promise<Told>;
}

export interface Question {
  readonly model: string;
  readonly prompt: string;
  readonly stream?: boolean;
  readonly system?: string;
  readonly tools?: readonly Tool[];
  readonly stop?: string;
  readonly outputTokensMax?: number;
  /** What was told before, and what its calls came to, in their order; then `prompt` is not said again. */
  readonly before?: { readonly told: Told; readonly results: readonly string[] };
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Tool {
  readonly name: string;
  readonly schema: { readonly type: 'object'; readonly [keyword: string]: unknown };
}

export interface Told {
  /** Of the answer's headers. */
  readonly exchange: string;
  readonly text: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly input: unknown }[];
  /** The client's own word for why it ended. */
  readonly finish: string | null;
  /** All input tokens, cached ones included, and all output tokens. */
  readonly usage: { readonly input: number; readonly output: number };
  /** Everything that was said so far, in the client's own types. */
  readonly conversation: readonly unknown[];
}

export interface ClientKey {
  readonly url: string;
  readonly apiKey: string;
}

const outputTokensMaxDefault = 500;

export function openAiClient({ url, apiKey }: ClientKey): RealClient {
  const heard = new HeardExchange();
  const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0, fetch: heard.fetch });
  return {
    name: 'openai',
    dialect: 'openai-chat',
    async ask(question) {
      const messages = chatMessages(question);
      const body = {
        model: question.model,
        messages,
        max_completion_tokens: question.outputTokensMax ?? outputTokensMaxDefault,
        ...(question.stop === undefined ? {} : { stop: question.stop }),
        ...(question.tools === undefined ? {} : { tools: question.tools.map(chatTool) }),
      };
      const options = { headers: { ...question.headers } };
      const answer =
        question.stream === true
          ? await client.chat.completions
              .stream({ ...body, stream_options: { include_usage: true } }, options)
              .finalChatCompletion()
          : await client.chat.completions.create(body, options);
      const { message, finish_reason: finish } = answer.choices[0]!;
      const calls = (message.tool_calls ?? []).filter(call => call.type === 'function');
      return {
        exchange: heard.exchange,
        text: message.content ?? '',
        calls: calls.map(call => ({
          id: call.id,
          name: call.function.name,
          input: JSON.parse(call.function.arguments),
        })),
        finish,
        usage: { input: answer.usage!.prompt_tokens, output: answer.usage!.completion_tokens },
        conversation: [...messages, message],
      };
    },
  };
}

function chatMessages({ system, prompt, before }: Question): OpenAI.ChatCompletionMessageParam[] {
  if (before === undefined) {
    const user = { role: 'user' as const, content: prompt };
    return system === undefined ? [user] : [{ role: 'system', content: system }, user];
  }
  const results = before.told.calls.map((call, index) => ({
    role: 'tool' as const,
    tool_call_id: call.id,
    content: before.results[index]!,
  }));
  // The cast is true: this function's callers wrote it.
  return [...(before.told.conversation as OpenAI.ChatCompletionMessageParam[]), ...results];
}

function chatTool({ name, schema }: Tool) {
  return { type: 'function' as const, function: { name, parameters: schema } };
}

/** `version` is what the client says in anthropic-version, its own newest unless given; `beta` its second API. */
export function anthropicClient(
  { url, apiKey }: ClientKey,
  { version, beta = false }: { readonly version?: string; readonly beta?: boolean } = {},
): RealClient {
  const heard = new HeardExchange();
  const client = new Anthropic({
    apiKey,
    baseURL: url,
    maxRetries: 0,
    fetch: heard.fetch,
    ...(version === undefined ? {} : { defaultHeaders: { 'anthropic-version': version } }),
  });
  return {
    name: `anthropic${version === undefined ? '' : ` ${version}`}${beta ? ' beta' : ''}`,
    dialect: 'anthropic-messages',
    async ask(question) {
      const messages = messageTurns(question);
      const body = {
        model: question.model,
        messages,
        max_tokens: question.outputTokensMax ?? outputTokensMaxDefault,
        ...(question.system === undefined ? {} : { system: question.system }),
        ...(question.stop === undefined ? {} : { stop_sequences: [question.stop] }),
        ...(question.tools === undefined
          ? {}
          : { tools: question.tools.map(({ name, schema }) => ({ name, input_schema: schema })) }),
      };
      const options = { headers: { ...question.headers } };
      // The second API takes and gives what the first does, and more; nothing more is used here.
      const api = beta ? (client.beta.messages as unknown as Anthropic['messages']) : client.messages;
      const answer =
        question.stream === true ? await api.stream(body, options).finalMessage() : await api.create(body, options);
      const { usage } = answer;
      return {
        exchange: heard.exchange,
        text: answer.content.map(block => (block.type === 'text' ? block.text : '')).join(''),
        calls: answer.content.flatMap(block =>
          block.type === 'tool_use' ? [{ id: block.id, name: block.name, input: block.input }] : [],
        ),
        finish: answer.stop_reason,
        usage: {
          input: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
          output: usage.output_tokens,
        },
        conversation: [...messages, { role: 'assistant', content: answer.content }],
      };
    },
  };
}

function messageTurns({ prompt, before }: Question): Anthropic.MessageParam[] {
  if (before === undefined) return [{ role: 'user', content: prompt }];
  const results = before.told.calls.map((call, index) => ({
    type: 'tool_result' as const,
    tool_use_id: call.id,
    content: before.results[index]!,
  }));
  // The cast is true: this function's callers wrote it.
  return [...(before.told.conversation as Anthropic.MessageParam[]), { role: 'user', content: results }];
}

/** Streams of the clients do not show their response's headers, so they are read on the way. */
class HeardExchange {
  exchange = '';
  readonly fetch = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    this.exchange = response.headers.get('x-carrier-exchange-id') ?? '';
    return response;
  };
}
