import {
  type Access,
  type Call,
  load,
  outputTokensMax,
  type Question,
  raised,
  type SdkKind,
  type Told,
} from './sdk-client.ts';

/** `@openai/agents`, by either of OpenAI's APIs. Its runner calls the tools itself. */
export const openAiAgents: readonly SdkKind[] = [agentsBy('openai-chat'), agentsBy('openai-responses')];

type Loaded = Awaited<ReturnType<typeof load>>;

function agentsBy(dialect: 'openai-chat' | 'openai-responses'): SdkKind {
  const useResponses = dialect === 'openai-responses';
  return {
    name: `@openai/agents${useResponses ? ' responses' : ''}`,
    dialect,
    async connect({ url, apiKey }: Access) {
      const agents = await load('@openai/agents');
      const { default: OpenAI } = await load('openai');
      const openAIClient = new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
      const modelProvider = new agents.OpenAIProvider({ openAIClient, useResponses });
      const runner = new agents.Runner({ modelProvider, tracingDisabled: true });
      return {
        ask: question => ask(agents, runner, question),
        describe: error => raised(error, ({ status }) => status),
      };
    },
  };
}

async function ask(agents: Loaded, runner: Loaded, question: Question): Promise<Told> {
  const { model, system, prompt, image, tools = [], schema, stream = false, signal, onText } = question;
  const calls: Call[] = [];
  const agent = new agents.Agent({
    name: 'clerk',
    model,
    modelSettings: { maxTokens: outputTokensMax, store: false },
    ...(system === undefined ? {} : { instructions: system }),
    tools: tools.map(({ name, description, schema: parameters, result }) =>
      agents.tool({
        name,
        description,
        parameters,
        strict: false,
        execute: async (input: unknown) => {
          calls.push({ name, input });
          return result;
        },
      }),
    ),
    ...(schema === undefined ? {} : { outputType: { type: 'json_schema', name: 'report', strict: true, schema } }),
  });
  const content = [
    { type: 'input_text', text: prompt },
    ...(image === undefined ? [] : [{ type: 'input_image', image: `data:image/png;base64,${image}` }]),
  ];
  const input = [{ role: 'user', content }];
  const result = await runner.run(agent, input, { stream, signal });
  if (stream) {
    for await (const event of result) {
      if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta')
        onText?.(event.data.delta);
    }
    await result.completed;
    signal?.throwIfAborted();
  }
  const last = result.rawResponses.at(-1);
  return {
    text: typeof result.finalOutput === 'string' ? result.finalOutput : JSON.stringify(result.finalOutput),
    calls,
    finish: undefined,
    usage: { input: last.usage.inputTokens, output: last.usage.outputTokens },
  };
}
