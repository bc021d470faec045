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

/** `cohere-ai`, its second API. */
export const cohere: SdkKind = {
  name: 'cohere-ai',
  dialect: 'cohere-chat',
  async connect({ url, apiKey }: Access) {
    const { CohereClientV2 } = await load('cohere-ai');
    const client = new CohereClientV2({ token: apiKey, environment: url });
    return {
      ask: question => untilNoCalls(turnsOf(question), question.tools ?? [], turns => ask(client, question, turns)),
      describe: error => raised(error, ({ statusCode }) => statusCode),
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
    ...(schema === undefined ? {} : { responseFormat: { type: 'json_object', jsonSchema: schema } }),
  };
  const options = { maxRetries: 0, abortSignal: signal };
  const { text, toolPlan, toolCalls, finish, usage } = stream ? await streamed() : await whole();
  return {
    text,
    calls: toolCalls.map((call: Loaded) => ({
      id: call.id,
      name: call.function.name,
      input: JSON.parse(call.function.arguments || '{}') ?? {},
    })),
    finish,
    usage: { input: usage.tokens.inputTokens, output: usage.tokens.outputTokens },
    next: results => [
      { role: 'assistant', toolCalls, ...(toolPlan === '' ? {} : { toolPlan }) },
      ...results.map(({ id, result }) => ({ role: 'tool', toolCallId: id, content: result })),
    ],
  };

  async function whole() {
    const { message, finishReason: finish, usage } = await client.chat(body, options);
    const text = (message.content ?? []).map((part: Loaded) => (part.type === 'text' ? part.text : '')).join('');
    return { text, toolPlan: message.toolPlan ?? '', toolCalls: message.toolCalls ?? [], finish, usage };
  }

  async function streamed() {
    let text = '';
    let toolPlan = '';
    let finish: string | undefined;
    let usage: Loaded;
    const toolCalls: Loaded[] = [];
    for await (const { type, delta } of await client.chatStream(body, options)) {
      const message = delta?.message;
      if (type === 'content-delta' && message.content.text !== undefined) {
        text += message.content.text;
        onText?.(message.content.text);
      }
      if (type === 'tool-plan-delta') toolPlan += message.toolPlan;
      if (type === 'tool-call-start') toolCalls.push(message.toolCalls);
      if (type === 'tool-call-delta') toolCalls.at(-1).function.arguments += message.toolCalls.function.arguments;
      if (type === 'message-end') {
        finish = delta.finishReason;
        usage = delta.usage;
      }
    }
    return { text, toolPlan, toolCalls, finish, usage };
  }
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
