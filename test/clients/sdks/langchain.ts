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

/** `@langchain/openai`, by either of OpenAI's APIs. */
export const langchains: readonly SdkKind[] = [langchainBy('openai-chat'), langchainBy('openai-responses')];

function langchainBy(dialect: 'openai-chat' | 'openai-responses'): SdkKind {
  const useResponsesApi = dialect === 'openai-responses';
  return {
    name: `@langchain/openai${useResponsesApi ? ' responses' : ''}`,
    dialect,
    async connect({ url, apiKey }: Access) {
      const { ChatOpenAI } = await load('@langchain/openai');
      const messages = await load('@langchain/core/messages');
      const configuration = { baseURL: `${url}/v1` };
      const modelOf = (model: string) =>
        new ChatOpenAI({
          model,
          apiKey,
          configuration,
          useResponsesApi,
          maxRetries: 0,
          maxTokens: outputTokensMax,
          // Of Responses: nothing is kept by the provider.
          ...(useResponsesApi ? { zdrEnabled: true } : {}),
        });
      return {
        ask: question =>
          untilNoCalls(turnsOf(messages, question), question.tools ?? [], turns =>
            ask(messages, modelOf(question.model), question, turns),
          ),
        describe: error => raised(error, ({ status }) => status),
      };
    },
  };
}

type Loaded = Awaited<ReturnType<typeof load>>;

async function ask(
  messages: Loaded,
  model: Loaded,
  question: Question,
  turns: readonly Loaded[],
): Promise<Answer<Loaded>> {
  const { stream = false, tools, schema, signal, onText } = question;
  const bound =
    tools === undefined
      ? model
      : model.bindTools(
          tools.map(({ name, description, schema: parameters }) => ({
            type: 'function',
            function: { name, description, parameters },
          })),
        );
  const caller =
    schema === undefined
      ? bound
      : bound.withConfig({
          response_format: { type: 'json_schema', json_schema: { name: 'report', schema, strict: true } },
        });
  const answer: Loaded = stream ? await streamed() : await caller.invoke(turns, { signal });
  return {
    text: answer.text,
    calls: (answer.tool_calls ?? []).map(({ id, name, args }: Loaded) => ({ id, name, input: args })),
    finish: answer.response_metadata.finish_reason ?? answer.response_metadata.status,
    usage: { input: answer.usage_metadata.input_tokens, output: answer.usage_metadata.output_tokens },
    next: results => [
      answer,
      ...results.map(({ id, name, result }) => new messages.ToolMessage({ tool_call_id: id, name, content: result })),
    ],
  };

  async function streamed() {
    let whole: Loaded;
    for await (const chunk of await caller.stream(turns, { signal })) {
      whole = whole === undefined ? chunk : whole.concat(chunk);
      if (chunk.text !== '') onText?.(chunk.text);
    }
    return whole;
  }
}

function turnsOf(messages: Loaded, { system, prompt, image }: Question): readonly Loaded[] {
  const content =
    image === undefined
      ? prompt
      : [
          { type: 'text', text: prompt },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } },
        ];
  const user = new messages.HumanMessage({ content });
  return system === undefined ? [user] : [new messages.SystemMessage(system), user];
}
