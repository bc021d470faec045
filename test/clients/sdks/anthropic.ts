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

/** `@anthropic-ai/sdk`. */
export const anthropic: SdkKind = {
  name: '@anthropic-ai/sdk',
  dialect: 'anthropic-messages',
  async connect({ url, apiKey }: Access) {
    const { default: Anthropic } = await load('@anthropic-ai/sdk');
    const client = new Anthropic({ apiKey, baseURL: url, maxRetries: 0 });
    return {
      ask: question => untilNoCalls(turnsOf(question), question.tools ?? [], turns => ask(client, question, turns)),
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
type Turn = Readonly<Record<string, unknown>>;

async function ask(client: Loaded, question: Question, messages: readonly Turn[]): Promise<Answer<Turn>> {
  const { model, system, stream = false, tools, schema, signal, onText } = question;
  const body = {
    model,
    messages,
    max_tokens: outputTokensMax,
    ...(system === undefined ? {} : { system }),
    ...(tools === undefined
      ? {}
      : { tools: tools.map(({ name, description, schema: input }) => ({ name, description, input_schema: input })) }),
    ...(schema === undefined ? {} : { output_config: { format: { type: 'json_schema', schema } } }),
  };
  const answer: Loaded = stream ? await streamed() : await client.messages.create(body, { signal });
  const { usage } = answer;
  return {
    text: answer.content.map((block: Loaded) => (block.type === 'text' ? block.text : '')).join(''),
    calls: answer.content
      .filter((block: Loaded) => block.type === 'tool_use')
      .map(({ id, name, input }: Loaded) => ({ id, name, input })),
    finish: answer.stop_reason,
    usage: {
      input: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
      output: usage.output_tokens,
    },
    next: results => [
      { role: 'assistant', content: answer.content },
      {
        role: 'user',
        content: results.map(({ id, result }) => ({ type: 'tool_result', tool_use_id: id, content: result })),
      },
    ],
  };

  function streamed(): Promise<Loaded> {
    const runner = client.messages.stream(body, { signal });
    runner.on('text', (text: string) => onText?.(text));
    return runner.finalMessage();
  }
}

function turnsOf({ prompt, image }: Question): readonly Turn[] {
  const text = { type: 'text', text: prompt };
  const png = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } };
  return [{ role: 'user', content: image === undefined ? prompt : [text, png] }];
}
