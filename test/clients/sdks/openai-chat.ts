import {
  type Access,
  type Answer,
  load,
  outputTokensMax,
  type Question,
  raised,
  type SdkKind,
  untilNoCalls,
} from './sdk-client.ts';

/** `openai`, chat completions. */
export const openAiChat: SdkKind = {
  name: 'openai',
  dialect: 'openai-chat',
  async connect({ url, apiKey }: Access) {
    const { default: OpenAI } = await load('openai');
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
    return {
      ask: question => untilNoCalls(chatTurns(question), question.tools ?? [], turns => ask(client, question, turns)),
      describe: error => raised(error, ({ status }) => status),
      async models() {
        const names: string[] = [];
        for await (const model of client.models.list()) names.push(model.id);
        return names;
      },
    };
  },
};

type Loaded = Awaited<ReturnType<typeof load>>;
type ChatTurn = Readonly<Record<string, unknown>>;

async function ask(client: Loaded, question: Question, messages: readonly ChatTurn[]): Promise<Answer<ChatTurn>> {
  const { model, stream = false, tools, schema, signal, onText } = question;
  const body = {
    model,
    messages,
    max_completion_tokens: outputTokensMax,
    ...(tools === undefined ? {} : { tools: tools.map(chatTool) }),
    ...(schema === undefined
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { name: 'report', schema, strict: true } } }),
  };
  const { choices, usage } = stream ? await streamed() : await client.chat.completions.create(body, { signal });
  const [{ message, finish_reason: finish }] = choices;
  return {
    text: message.content ?? '',
    calls: (message.tool_calls ?? []).map((call: Loaded) => ({
      id: call.id,
      name: call.function.name,
      input: JSON.parse(call.function.arguments),
    })),
    finish,
    usage: { input: usage.prompt_tokens, output: usage.completion_tokens },
    next: results => [
      message,
      ...results.map(({ id, result }) => ({ role: 'tool', tool_call_id: id, content: result })),
    ],
  };

  function streamed(): Promise<Loaded> {
    const runner = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } }, { signal });
    runner.on('content', (text: string) => onText?.(text));
    return runner.finalChatCompletion();
  }
}

export function chatTurns({ system, prompt, image }: Question): readonly ChatTurn[] {
  const content =
    image === undefined
      ? prompt
      : [
          { type: 'text', text: prompt },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } },
        ];
  const user = { role: 'user', content };
  return system === undefined ? [user] : [{ role: 'system', content: system }, user];
}

function chatTool({ name, description, schema }: NonNullable<Question['tools']>[number]) {
  return { type: 'function', function: { name, description, parameters: schema } };
}
