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

/** `@mistralai/mistralai`, whose chat is that of chat completions with names of its own. */
export const mistral: SdkKind = {
  name: '@mistralai/mistralai',
  dialect: 'openai-chat',
  async connect({ url, apiKey }: Access) {
    const { Mistral } = await load('@mistralai/mistralai');
    const client = new Mistral({ apiKey, serverURL: url, retryConfig: { strategy: 'none' } });
    return {
      ask: question => untilNoCalls(turnsOf(question), question.tools ?? [], turns => ask(client, question, turns)),
      describe: error => raised(error, ({ statusCode }) => statusCode),
      // It reads the list of models as Mistral's own cards.
      models: async () => (await client.models.list()).data.map(({ raw }: Loaded) => raw.id),
    };
  },
};

type Loaded = Awaited<ReturnType<typeof load>>;
type Turn = Readonly<Record<string, unknown>>;

async function ask(client: Loaded, question: Question, messages: readonly Turn[]): Promise<Answer<Turn>> {
  const { model, stream = false, tools, schema, signal, onText } = question;
  const body = {
    model,
    messages,
    maxTokens: outputTokensMax,
    ...(tools === undefined
      ? {}
      : {
          tools: tools.map(({ name, description, schema: parameters }) => ({
            type: 'function',
            function: { name, description, parameters },
          })),
        }),
    ...(schema === undefined
      ? {}
      : {
          responseFormat: {
            type: 'json_schema',
            jsonSchema: { name: 'report', schemaDefinition: schema, strict: true },
          },
        }),
  };
  const options = { fetchOptions: { signal } };
  const answer = stream ? await streamed() : await whole();
  return {
    ...answer,
    next: results => [
      { role: 'assistant', content: answer.text, toolCalls: answer.toolCalls },
      ...results.map(({ id, name, result }) => ({ role: 'tool', toolCallId: id, name, content: result })),
    ],
  };

  async function whole() {
    const { choices, usage } = await client.chat.complete(body, options);
    const [{ message, finishReason }] = choices;
    return told(message.content ?? '', message.toolCalls ?? [], finishReason, usage);
  }

  async function streamed() {
    let text = '';
    let finish: string | undefined;
    let usage: Loaded;
    const toolCalls = new Map<number, Loaded>();
    for await (const { data } of await client.chat.stream(body, options)) {
      usage = data.usage ?? usage;
      for (const { delta, finishReason } of data.choices) {
        finish = finishReason ?? finish;
        if (typeof delta.content === 'string' && delta.content !== '') {
          text += delta.content;
          onText?.(delta.content);
        }
        for (const call of delta.toolCalls ?? []) {
          const begun = toolCalls.get(call.index);
          if (begun === undefined) toolCalls.set(call.index, call);
          else begun.function.arguments += call.function.arguments;
        }
      }
    }
    return told(text, [...toolCalls.values()], finish, usage);
  }
}

function told(text: string, toolCalls: readonly Loaded[], finish: string | undefined, usage: Loaded) {
  return {
    text,
    toolCalls,
    calls: toolCalls.map((call: Loaded) => ({
      id: call.id,
      name: call.function.name,
      input:
        typeof call.function.arguments === 'string' ? JSON.parse(call.function.arguments) : call.function.arguments,
    })),
    finish,
    usage: usage === undefined ? undefined : { input: usage.promptTokens, output: usage.completionTokens },
  };
}

function turnsOf({ system, prompt, image }: Question): readonly Turn[] {
  const content =
    image === undefined
      ? prompt
      : [
          { type: 'text', text: prompt },
          { type: 'image_url', imageUrl: { url: `data:image/png;base64,${image}` } },
        ];
  const user = { role: 'user', content };
  return system === undefined ? [user] : [{ role: 'system', content: system }, user];
}
