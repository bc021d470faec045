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

/** `@aws-sdk/client-bedrock-runtime` with its default handler, HTTP/2 with prior knowledge: once with a key as bearer,
 *  once with requests that are signed with one. */
export const bedrocks: readonly SdkKind[] = [
  bedrockWith('bearer', ({ apiKey }) => ({
    token: async () => ({ token: apiKey }),
    authSchemePreference: ['httpBearerAuth'],
  })),
  bedrockWith('sigv4', ({ apiKey }) => ({
    // The identifier is the part of a key that is always shown.
    credentials: { accessKeyId: publicIdOf(apiKey), secretAccessKey: apiKey },
  })),
];

type Loaded = Awaited<ReturnType<typeof load>>;
type Turn = Readonly<Record<string, unknown>>;

function bedrockWith(by: 'bearer' | 'sigv4', auth: (access: Access) => object): SdkKind {
  return {
    name: `@aws-sdk/client-bedrock-runtime ${by}`,
    dialect: 'bedrock-converse',
    async connect(access) {
      const aws = await load('@aws-sdk/client-bedrock-runtime');
      const client = new aws.BedrockRuntimeClient({
        endpoint: access.url,
        region: 'us-east-1',
        maxAttempts: 1,
        ...auth(access),
      });
      return {
        ask: question =>
          untilNoCalls(turnsOf(question), question.tools ?? [], turns => ask(aws, client, question, turns)),
        describe: error => raised(error, ({ $metadata }) => $metadata?.httpStatusCode),
      };
    },
  };
}

/** `cck_<public id>_<secret>`. */
function publicIdOf(apiKey: string): string {
  return apiKey.split('_')[1] ?? apiKey;
}

async function ask(aws: Loaded, client: Loaded, question: Question, messages: readonly Turn[]): Promise<Answer<Turn>> {
  const { model, system, stream = false, tools, schema, signal, onText } = question;
  const input = {
    modelId: model,
    messages,
    inferenceConfig: { maxTokens: outputTokensMax },
    ...(system === undefined ? {} : { system: [{ text: system }] }),
    ...(tools === undefined
      ? {}
      : {
          toolConfig: {
            tools: tools.map(({ name, description, schema: json }) => ({
              toolSpec: { name, description, inputSchema: { json } },
            })),
          },
        }),
    ...(schema === undefined
      ? {}
      : {
          outputConfig: {
            textFormat: {
              type: 'json_schema',
              structure: { jsonSchema: { name: 'report', schema: JSON.stringify(schema) } },
            },
          },
        }),
  };
  const options = { abortSignal: signal };
  const { content, finish, usage } = stream ? await streamed() : await whole();
  return {
    text: content.map(({ text }: Loaded) => text ?? '').join(''),
    calls: content.flatMap(({ toolUse }: Loaded) =>
      toolUse === undefined ? [] : [{ id: toolUse.toolUseId, name: toolUse.name, input: toolUse.input }],
    ),
    finish,
    usage: {
      input: usage.inputTokens + (usage.cacheReadInputTokens ?? 0) + (usage.cacheWriteInputTokens ?? 0),
      output: usage.outputTokens,
    },
    next: results => [
      { role: 'assistant', content },
      {
        role: 'user',
        content: results.map(({ id, result }) => ({ toolResult: { toolUseId: id, content: [{ text: result }] } })),
      },
    ],
  };

  async function whole() {
    const answer = await client.send(new aws.ConverseCommand(input), options);
    return { content: answer.output.message.content, finish: answer.stopReason, usage: answer.usage };
  }

  async function streamed() {
    const answer = await client.send(new aws.ConverseStreamCommand(input), options);
    const blocks: Loaded[] = [];
    let finish: string | undefined;
    let usage: Loaded;
    for await (const event of answer.stream) {
      const { contentBlockStart: start, contentBlockDelta: more, messageStop, metadata } = event;
      if (start?.start?.toolUse !== undefined) {
        blocks[start.contentBlockIndex] = { toolUse: { ...start.start.toolUse, input: '' } };
      }
      if (more?.delta.text !== undefined) {
        const begun = (blocks[more.contentBlockIndex] ??= { text: '' });
        begun.text += more.delta.text;
        onText?.(more.delta.text);
      }
      if (more?.delta.toolUse !== undefined) blocks[more.contentBlockIndex].toolUse.input += more.delta.toolUse.input;
      if (more?.delta.reasoningContent !== undefined) {
        const { text = '', signature, redactedContent } = more.delta.reasoningContent;
        const begun = (blocks[more.contentBlockIndex] ??= { reasoningContent: { reasoningText: { text: '' } } });
        if (redactedContent !== undefined) begun.reasoningContent = { redactedContent };
        else begun.reasoningContent.reasoningText.text += text;
        if (signature !== undefined) begun.reasoningContent.reasoningText.signature = signature;
      }
      finish = messageStop?.stopReason ?? finish;
      usage = metadata?.usage ?? usage;
    }
    const content = blocks
      .filter(block => block !== undefined)
      .map(block =>
        block.toolUse === undefined
          ? block
          : { toolUse: { ...block.toolUse, input: JSON.parse(block.toolUse.input || '{}') } },
      );
    return { content, finish, usage };
  }
}

function turnsOf({ prompt, image }: Question): readonly Turn[] {
  const text = { text: prompt };
  if (image === undefined) return [{ role: 'user', content: [text] }];
  const png = { image: { format: 'png', source: { bytes: new Uint8Array(Buffer.from(image, 'base64')) } } };
  return [{ role: 'user', content: [text, png] }];
}
