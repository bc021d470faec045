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

/** `openai`, Responses. */
export const openAiResponses: SdkKind = {
  name: 'openai responses',
  dialect: 'openai-responses',
  async connect({ url, apiKey }: Access) {
    const { default: OpenAI } = await load('openai');
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
    return {
      ask: question => untilNoCalls(inputOf(question), question.tools ?? [], items => ask(client, question, items)),
      describe: error => raised(error, ({ status }) => status),
    };
  },
};

type Loaded = Awaited<ReturnType<typeof load>>;
type Item = Readonly<Record<string, unknown>>;

async function ask(client: Loaded, question: Question, input: readonly Item[]): Promise<Answer<Item>> {
  const { model, system, stream = false, tools, schema, signal, onText } = question;
  const body = {
    model,
    input,
    store: false,
    include: ['reasoning.encrypted_content'],
    max_output_tokens: outputTokensMax,
    ...(system === undefined ? {} : { instructions: system }),
    ...(tools === undefined
      ? {}
      : {
          tools: tools.map(({ name, description, schema: parameters }) => ({
            type: 'function',
            name,
            description,
            parameters,
            strict: false,
          })),
        }),
    ...(schema === undefined
      ? {}
      : { text: { format: { type: 'json_schema', name: 'report', schema, strict: true } } }),
  };
  const answer: Loaded = stream ? await streamed() : await client.responses.create(body, { signal });
  return {
    text: answer.output_text,
    calls: answer.output
      .filter((item: Loaded) => item.type === 'function_call')
      .map((item: Loaded) => ({ id: item.call_id, name: item.name, input: JSON.parse(item.arguments) })),
    finish: answer.incomplete_details?.reason ?? answer.status,
    usage: { input: answer.usage.input_tokens, output: answer.usage.output_tokens },
    next: results => [
      ...answer.output.map(withoutParsed),
      ...results.map(({ id, result }) => ({ type: 'function_call_output', call_id: id, output: result })),
    ],
  };

  function streamed(): Promise<Loaded> {
    const runner = client.responses.stream(body, { signal });
    runner.on('response.output_text.delta', ({ delta }: Loaded) => onText?.(delta));
    return runner.finalResponse();
  }
}

/** The stream helper adds what it parsed, which the API refuses when it comes back. */
function withoutParsed({ parsed_arguments: _, ...item }: Loaded): Item {
  return item;
}

function inputOf({ prompt, image }: Question): readonly Item[] {
  const text = { type: 'input_text', text: prompt };
  const content =
    image === undefined
      ? [text]
      : [text, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${image}` }];
  return [{ role: 'user', content }];
}
