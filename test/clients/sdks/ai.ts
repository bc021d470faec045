import type { DialectName } from '../../../src/completion/request.ts';
import { type Access, load, outputTokensMax, type Question, raised, type SdkKind, type Told } from './sdk-client.ts';

// The AI SDK (`ai`) with the providers that its users install beside it. It runs the loop over tools itself.

type Loaded = Awaited<ReturnType<typeof load>>;
type ModelOf = (access: Access) => Promise<(name: string) => Loaded>;

const stepsMax = 5;

export const aiSdks: readonly SdkKind[] = [
  aiWith('@ai-sdk/openai-compatible', 'openai-chat', async ({ url, apiKey }) => {
    const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible');
    const options = { name: 'carrier', includeUsage: true, supportsStructuredOutputs: true };
    return createOpenAICompatible({ ...options, apiKey, baseURL: `${url}/v1` });
  }),
  aiWith('@ai-sdk/openai chat', 'openai-chat', async ({ url, apiKey }) => {
    const { createOpenAI } = await load('@ai-sdk/openai');
    return createOpenAI({ apiKey, baseURL: `${url}/v1` }).chat;
  }),
  aiWith('@ai-sdk/openai', 'openai-responses', async ({ url, apiKey }) => {
    const { createOpenAI } = await load('@ai-sdk/openai');
    return createOpenAI({ apiKey, baseURL: `${url}/v1` });
  }),
  aiWith('@ai-sdk/anthropic', 'anthropic-messages', async ({ url, apiKey }) => {
    const { createAnthropic } = await load('@ai-sdk/anthropic');
    return createAnthropic({ apiKey, baseURL: `${url}/v1` });
  }),
  aiWith('@ai-sdk/google', 'gemini', async ({ url, apiKey }) => {
    const { createGoogle } = await load('@ai-sdk/google');
    return createGoogle({ apiKey, baseURL: `${url}/v1beta` });
  }),
  aiWith('@ai-sdk/cohere', 'cohere-chat', async ({ url, apiKey }) => {
    const { createCohere } = await load('@ai-sdk/cohere');
    return createCohere({ apiKey, baseURL: `${url}/v2` });
  }),
  aiWith('@ai-sdk/amazon-bedrock', 'bedrock-converse', async ({ url, apiKey }) => {
    const { createAmazonBedrock } = await load('@ai-sdk/amazon-bedrock');
    return createAmazonBedrock({ apiKey, baseURL: url, region: 'us-east-1' });
  }),
];

function aiWith(provider: string, dialect: DialectName, modelOf: ModelOf): SdkKind {
  return {
    name: `ai with ${provider}`,
    dialect,
    async connect(access) {
      const ai = await load('ai');
      const model = await modelOf(access);
      return {
        ask: question => ask(ai, model(question.model), question),
        // A stream's own error is what broke it off; a call's is wrapped once it has been tried.
        describe: error => raised(error, ({ statusCode }) => statusCode),
      };
    },
  };
}

async function ask(ai: Loaded, model: Loaded, question: Question): Promise<Told> {
  const { system, prompt, image, tools = [], schema, stream = false, signal, onText } = question;
  const request = {
    model,
    ...(system === undefined ? {} : { instructions: system }),
    messages: [
      {
        role: 'user',
        content:
          image === undefined
            ? prompt
            : [
                { type: 'text', text: prompt },
                { type: 'file', data: image, mediaType: 'image/png' },
              ],
      },
    ],
    tools: Object.fromEntries(
      tools.map(({ name, description, schema: input, result }) => [
        name,
        ai.tool({ description, inputSchema: ai.jsonSchema(input), execute: async () => result }),
      ]),
    ),
    ...(schema === undefined ? {} : { output: ai.Output.object({ schema: ai.jsonSchema(schema), name: 'report' }) }),
    stopWhen: ai.isStepCount(stepsMax),
    maxOutputTokens: outputTokensMax,
    maxRetries: 0,
    // Read by the provider of this name alone: what a model thought comes back with the answer, not as a reference.
    providerOptions: { openai: { store: false } },
    abortSignal: signal,
  };
  const { steps } = stream ? await streamed() : await ai.generateText(request);
  const last = steps.at(-1);
  return {
    text: last.text,
    calls: steps.flatMap((step: Loaded) =>
      step.toolCalls.map(({ toolName, input }: Loaded) => ({ name: toolName, input })),
    ),
    finish: last.finishReason,
    usage: { input: last.usage.inputTokens, output: last.usage.outputTokens },
  };

  async function streamed() {
    const failures: unknown[] = [];
    const result = ai.streamText({ ...request, onError: ({ error }: Loaded) => failures.push(error) });
    for await (const text of result.textStream) onText?.(text);
    if (failures.length > 0) throw failures[0];
    signal?.throwIfAborted();
    return { steps: await result.steps };
  }
}
