import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, type SuiteContext, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { clientPath, installClients } from '../clients/installed-client.ts';

// Do the emulated APIs pass for the real ones, with the clients that their makers publish?

const packages = ['@google/genai', '@aws-sdk/client-bedrock-runtime', 'cohere-ai'];

function whyNot(): string | undefined {
  const unreachable = installClients();
  if (unreachable !== undefined) return `NOT SHOWN: ${unreachable}`;
  const missing = packages.filter(name => !existsSync(clientPath(name, 'package.json')));
  return missing.length === 0 ? undefined : `NOT SHOWN: test/clients does not name ${missing.join(', ')}`;
}

const parameters = { type: 'object', properties: { city: { const: 'Kiel' } }, required: ['city'] };
const load = createRequire(clientPath('any'));

suite("the emulated APIs, as their makers' clients see them", { skip: whyNot() ?? false }, (_context: SuiteContext) => {
  let emulator: Emulator;

  before(async () => {
    emulator = await startEmulator({ apiKeys: ['right-key', 'AKIDEXAMPLE:secret'] });
  });
  after(() => emulator.stop());

  test('@google/genai: answers, chats with calls and their signatures, counts, lists and errors', async () => {
    const { GoogleGenAI } = load('@google/genai');
    const client = new GoogleGenAI({ apiKey: 'right-key', httpOptions: { baseUrl: emulator.url } });
    const model = 'gemini-3-flash';
    const streamed = async (contents: string, script?: string) => {
      const httpOptions = script === undefined ? {} : { headers: { 'x-carrier-emulate': script } };
      let text = '';
      for await (const chunk of await client.models.generateContentStream({
        model,
        contents,
        config: { httpOptions },
      })) {
        text += chunk.text ?? '';
      }
      return text;
    };

    const whole = await client.models.generateContent({ model, contents: 'Tell me of the sea', config: {} });
    assert.equal(await streamed('Tell me of the sea'), whole.text);
    assert.equal(whole.usageMetadata.thoughtsTokenCount, 32);

    const tools = [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: parameters }] }];
    const chat = client.chats.create({ model, config: { tools } });
    const called = await chat.sendMessage({ message: 'Call the tool weather' });
    const { id, name, args } = called.functionCalls[0];
    assert.deepEqual([name, args], ['weather', { city: 'Kiel' }]);
    const answered = await chat.sendMessage({
      message: { functionResponse: { id, name, response: { output: 'calm' } } },
    });
    assert.equal(answered.text, 'The tool weather answered: calm');

    assert.equal((await client.models.countTokens({ model, contents: 'abcdefgh' })).totalTokens, 5);
    const listed: string[] = [];
    for await (const shown of await client.models.list()) listed.push(shown.name);
    assert.deepEqual(listed, ['models/sandbox-small', 'models/sandbox-large']);

    await assert.rejects(streamed('x', 'status=429'), { name: 'ApiError', status: 429 });
    await assert.rejects(streamed('x', 'error-after=1'), /UNAVAILABLE/);
    const wrong = new GoogleGenAI({ apiKey: 'wrong', httpOptions: { baseUrl: emulator.url } });
    await assert.rejects(wrong.models.generateContent({ model, contents: 'x' }), { status: 400 });
    const vertex = new GoogleGenAI({ vertexai: true, apiKey: 'right-key', httpOptions: { baseUrl: emulator.url } });
    const there = await vertex.models.generateContent({ model, contents: 'x' });
    assert.equal(there.usageMetadata.trafficType, 'ON_DEMAND');
  });

  test('the AWS SDK with its default handler: HTTP/2, signatures, frames, exceptions', async () => {
    const { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } = load('@aws-sdk/client-bedrock-runtime');
    const connect = (secretAccessKey: string) =>
      new BedrockRuntimeClient({
        region: 'us-east-1',
        endpoint: emulator.url,
        credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey },
        maxAttempts: 1,
      });
    const client = connect('secret');
    const wrong = connect('another');
    const modelId = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
    const messages = [{ role: 'user', content: [{ text: 'Answer with 9 tokens' }] }];
    const toolConfig = { tools: [{ toolSpec: { name: 'weather', inputSchema: { json: parameters } } }] };
    const streamed = async (script?: string) => {
      emulator.replaceRules(script === undefined ? [] : [script]);
      const { stream } = await client.send(new ConverseStreamCommand({ modelId, messages }));
      let text = '';
      for await (const event of stream) text += event.contentBlockDelta?.delta.text ?? '';
      return text;
    };

    try {
      const whole = await client.send(new ConverseCommand({ modelId, messages }));
      assert.equal(emulator.requests().at(-1)!.httpVersion, '2.0');
      assert.equal(await streamed(), whole.output.message.content[0].text);
      assert.deepEqual([whole.stopReason, whole.usage.outputTokens], ['end_turn', 9]);

      const asked = [{ role: 'user', content: [{ text: 'Call the tool weather' }] }];
      const { output } = await client.send(new ConverseCommand({ modelId, messages: asked, toolConfig }));
      const { toolUseId, input } = output.message.content[0].toolUse;
      assert.deepEqual(input, { city: 'Kiel' });
      const result = { role: 'user', content: [{ toolResult: { toolUseId, content: [{ text: 'calm' }] } }] };
      const history = [...asked, output.message, result];
      const answered = await client.send(new ConverseCommand({ modelId, messages: history, toolConfig }));
      assert.equal(answered.output.message.content[0].text, 'The tool weather answered: calm');

      await assert.rejects(client.send(new ConverseCommand({ modelId, messages: [] })), {
        name: 'ValidationException',
      });
      await assert.rejects(wrong.send(new ConverseCommand({ modelId, messages })), {
        name: 'InvalidSignatureException',
      });
      await assert.rejects(streamed('status=429'), { name: 'ThrottlingException' });
      await assert.rejects(streamed('error-after=2'), { name: 'ModelStreamErrorException' });
      await assert.rejects(streamed('corrupt-after=2'), /checksum/);
      await assert.rejects(streamed('cut-after=2'), /NGHTTP2_INTERNAL_ERROR/);
      await assert.rejects(streamed('reset-after=2'), /ECONNRESET/);
    } finally {
      emulator.replaceRules([]);
      client.destroy();
      wrong.destroy();
    }
  });

  test('cohere-ai: answers, plans, calls, and its classes of errors', async () => {
    const { CohereClientV2 } = load('cohere-ai');
    const client = new CohereClientV2({ token: 'right-key', environment: emulator.url, maxRetries: 0 });
    const tools = [{ type: 'function', function: { name: 'weather', parameters } }];
    const asked = (content: string) => ({ model: 'm', messages: [{ role: 'user', content }] });
    const streamed = async (script?: string) => {
      emulator.replaceRules(script === undefined ? [] : [script]);
      let text = '';
      let finish: string | undefined;
      for await (const event of await client.chatStream(asked('Tell me of the sea'))) {
        if (event.type === 'content-delta') text += event.delta.message.content.text;
        if (event.type === 'message-end') finish = event.delta.finishReason;
      }
      return [text, finish];
    };

    try {
      const whole = await client.chat(asked('Tell me of the sea'));
      assert.deepEqual(await streamed(), [whole.message.content[0].text, 'COMPLETE']);
      const called = await client.chat({ ...asked('Call the tool weather'), tools });
      assert.equal(called.message.toolPlan, 'I will call weather.');
      const [{ id, function: made }] = called.message.toolCalls;
      assert.equal(made.arguments, '{"city":"Kiel"}');
      const { messages } = asked('Call the tool weather');
      const history = [...messages, called.message, { role: 'tool', toolCallId: id, content: 'calm' }];
      const answered = await client.chat({ model: 'm', messages: history, tools });
      assert.equal(answered.message.content[0].text, 'The tool weather answered: calm');

      await assert.rejects(streamed('status=429'), { statusCode: 429, name: 'TooManyRequestsError' });
      await assert.rejects(streamed('status=422'), { statusCode: 422, name: 'UnprocessableEntityError' });
      assert.equal((await streamed('error-after=3'))[1], 'ERROR');
      await assert.rejects(streamed('cut-after=3'));
      const wrong = new CohereClientV2({ token: 'wrong', environment: emulator.url, maxRetries: 0 });
      emulator.replaceRules([]);
      await assert.rejects(wrong.chat(asked('x')), { statusCode: 401 });
    } finally {
      emulator.replaceRules([]);
    }
  });
});
