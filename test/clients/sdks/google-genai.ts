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

/** `@google/genai`. */
export const googleGenAi: SdkKind = {
  name: '@google/genai',
  dialect: 'gemini',
  async connect({ url, apiKey }: Access) {
    const { GoogleGenAI } = await load('@google/genai');
    const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } });
    return {
      ask: question => untilNoCalls(turnsOf(question), question.tools ?? [], turns => ask(client, question, turns)),
      describe: error => raised(error, ({ status }) => status),
      async models() {
        const names: string[] = [];
        for await (const model of await client.models.list()) names.push(model.name.replace(/^models\//, ''));
        return names;
      },
    };
  },
};

type Loaded = Awaited<ReturnType<typeof load>>;
type Content = Readonly<Record<string, unknown>>;

async function ask(client: Loaded, question: Question, contents: readonly Content[]): Promise<Answer<Content>> {
  const { model, system, stream = false, tools, schema, signal, onText } = question;
  const request = {
    model,
    contents,
    config: {
      maxOutputTokens: outputTokensMax,
      abortSignal: signal,
      ...(system === undefined ? {} : { systemInstruction: system }),
      ...(tools === undefined
        ? {}
        : {
            tools: [
              {
                functionDeclarations: tools.map(({ name, description, schema: parametersJsonSchema }) => ({
                  name,
                  description,
                  parametersJsonSchema,
                })),
              },
            ],
          }),
      ...(schema === undefined ? {} : { responseMimeType: 'application/json', responseJsonSchema: schema }),
    },
  };
  const parts: Loaded[] = [];
  let finish: string | undefined;
  let usage: Loaded;
  const take = (chunk: Loaded) => {
    const [candidate] = chunk.candidates ?? [];
    parts.push(...(candidate?.content?.parts ?? []));
    finish = candidate?.finishReason ?? finish;
    usage = chunk.usageMetadata ?? usage;
  };
  if (stream) {
    for await (const chunk of await client.models.generateContentStream(request)) {
      take(chunk);
      if (chunk.text) onText?.(chunk.text);
    }
  } else take(await client.models.generateContent(request));
  const calls = parts.flatMap(({ functionCall }) => (functionCall === undefined ? [] : [functionCall]));
  return {
    text: parts.map(({ text, thought }) => (thought === true ? '' : (text ?? ''))).join(''),
    calls: calls.map(({ id, name, args }) => ({ id, name, input: args ?? {} })),
    finish,
    usage: {
      input: usage.promptTokenCount,
      output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
    },
    next: results => [
      { role: 'model', parts },
      {
        role: 'user',
        parts: results.map(({ id, name, result }) => ({
          functionResponse: { id, name, response: { output: result } },
        })),
      },
    ],
  };
}

function turnsOf({ prompt, image }: Question): readonly Content[] {
  const text = { text: prompt };
  const png = { inlineData: { mimeType: 'image/png', data: image } };
  return [{ role: 'user', parts: image === undefined ? [text] : [text, png] }];
}
