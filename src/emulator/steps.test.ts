import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { sendChat, sendMessages } from '../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from './emulator.ts';

// A task for an agent: one step a turn of the model.

let emulator: Emulator;
before(async () => {
  emulator = await startEmulator();
});
after(() => emulator.stop());

const prompt = [
  'Do this.',
  'step 1: call the tool write with {"path":"a {b}","text":"\\"}"} and call the tool look',
  'Step 2: call the tool write with {broken',
  'step 3: say exactly: Done.',
].join('\n');
const schema = { type: 'object', properties: { size: { const: 7 } }, required: ['size'], additionalProperties: false };
const names = ['write', 'look'];

suite('a task in steps, as openai gets it', () => {
  const tools = names.map(name => ({ type: 'function', function: { name, parameters: schema } }));
  const ask = { role: 'user', content: prompt };
  const called = (id: string) => ({
    role: 'assistant',
    tool_calls: [{ id, type: 'function', function: { name: 'write', arguments: '{}' } }],
  });
  const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'ok' });
  const reminder = { role: 'user', content: 'Call the tool look. Say exactly: no' };

  async function answer(...messages: unknown[]) {
    return JSON.parse((await sendChat(emulator, { model: 'm', messages, tools })).text).choices[0].message;
  }

  test('is called for with the arguments it says, and by the schema where it says none', async () => {
    const { tool_calls: calls } = await answer(ask);

    assert.deepEqual(
      calls.map((call: { function: unknown }) => call.function),
      [
        { name: 'write', arguments: '{"path":"a {b}","text":"\\"}"}' },
        { name: 'look', arguments: '{"size":7}' },
      ],
    );
  });

  test('goes on after results, and does not mind what is said between', async () => {
    const { tool_calls: calls } = await answer(ask, called('c1'), result('c1'), reminder);

    // Arguments that are no JSON are not said.
    assert.deepEqual(calls[0].function, { name: 'write', arguments: '{"size":7}' });
    assert.equal(calls.length, 1);
    const done = await answer(ask, called('c1'), result('c1'), called('c2'), result('c2'), reminder);
    assert.equal(done.content, 'Done.');
  });

  test('is over after its last step', async () => {
    const past = [ask, called('c1'), result('c1'), called('c2'), result('c2'), { role: 'assistant', content: 'Done.' }];

    assert.equal((await answer(...past, { role: 'user', content: 'Say exactly: next' })).content, 'next');
    const unasked = await answer(...past);
    assert.notEqual(unasked.content, 'Done.');
    assert.equal(unasked.tool_calls, undefined);
  });

  test('begins with step 1 only', async () => {
    const { content, tool_calls: calls } = await answer({ role: 'user', content: 'step 2: call the tool look' });

    assert.deepEqual([content, calls?.length], [null, 1]);
    assert.equal((await answer({ role: 'user', content: 'step 1: say exactly: a\nstep 3: b' })).content, 'a');
  });
});

test('a task in steps is the same to anthropic', async () => {
  const tools = names.map(name => ({ name, input_schema: schema }));
  const called = (id: string) => ({ role: 'assistant', content: [{ type: 'tool_use', id, name: 'write', input: {} }] });
  const result = (id: string, ...more: unknown[]) => ({
    role: 'user',
    content: [{ type: 'tool_result', tool_use_id: id, content: 'ok' }, ...more],
  });
  const answer = async (...messages: unknown[]) => {
    const { text } = await sendMessages(emulator, { model: 'm', max_tokens: 100, messages, tools });
    return JSON.parse(text).content;
  };
  const ask = { role: 'user', content: prompt };
  const reminder = { type: 'text', text: 'Call the tool look.' };

  const first = await answer(ask);
  const second = await answer(ask, called('toolu_1'), result('toolu_1', reminder));
  const third = await answer(ask, called('toolu_1'), result('toolu_1'), called('toolu_2'), result('toolu_2', reminder));

  assert.deepEqual(
    first.map((block: { input: unknown }) => block.input),
    [{ path: 'a {b}', text: '"}' }, { size: 7 }],
  );
  assert.deepEqual([second.length, second[0].name, second[0].input], [1, 'write', { size: 7 }]);
  assert.deepEqual(third, [{ type: 'text', text: 'Done.' }]);
});
