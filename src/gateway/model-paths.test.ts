import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Fault } from '../completion/fault.ts';
import { ModelPaths } from './model-paths.ts';

const paths = new ModelPaths([
  { form: '/model/{model}/converse', dialect: 'bedrock-converse', read: () => ({ stream: false }) },
  { form: '/model/{model}/converse-stream', dialect: 'bedrock-converse', read: () => ({ stream: true }) },
  {
    form: '/v1beta/models/{model}:streamGenerateContent',
    dialect: 'gemini',
    read: query => ({ stream: true, streamForm: query === 'alt=sse' ? 'events' : 'list' }),
  },
  {
    form: '/v1/projects/{project}/locations/{location}/models/{model}:generateContent',
    dialect: 'gemini',
    read: () => ({ stream: false }),
  },
]);

suite('a path that holds a model', () => {
  test('says which, and what its last word means', () => {
    assert.deepEqual(paths.match('/model/smart/converse', ''), {
      form: '/model/{model}/converse',
      named: { requestedModel: 'smart', stream: false },
    });
    assert.deepEqual(paths.match('/model/smart/converse-stream', '')?.named, { requestedModel: 'smart', stream: true });
    assert.deepEqual(paths.match('/v1beta/models/flash:streamGenerateContent', 'alt=sse')?.named, {
      requestedModel: 'flash',
      stream: true,
      streamForm: 'events',
    });
    assert.equal(paths.match('/v1beta/models/flash:streamGenerateContent', '')?.named.streamForm, 'list');
    assert.equal(
      paths.match('/v1/projects/p/locations/eu/models/flash:generateContent', '')?.named.requestedModel,
      'flash',
    );
  });

  test('may have slashes and colons in its name, written as they are or escaped', () => {
    for (const [path, model] of [
      ['/model/anthropic.claude-v1%3A0/converse', 'anthropic.claude-v1:0'],
      ['/model/anthropic.claude-v1:0/converse', 'anthropic.claude-v1:0'],
      ['/model/google%2Fgemini/converse', 'google/gemini'],
      ['/model/google/gemini/converse', 'google/gemini'],
      ['/v1beta/models/models/flash:streamGenerateContent', 'flash'],
      ['/v1beta/models/models%2Fflash%3AstreamGenerateContent', 'flash'],
      ['/v1beta/models/google%2Fflash%3astreamGenerateContent', 'google/flash'],
    ] as const) {
      assert.equal(paths.match(path, '')?.named.requestedModel, model, path);
    }
  });

  test('is another path without a model, with another word, or with more behind it', () => {
    for (const path of [
      '/model//converse',
      '/model/smart/invoke',
      '/model/smart/converse/',
      '/v1beta/models/:streamGenerateContent',
      '/v1beta/models/flash',
      '/v1/projects/p/q/locations/eu/models/flash:generateContent',
      '/v1.beta/models/flash:streamGenerateContent',
      '/x/model/smart/converse',
    ]) {
      assert.equal(paths.match(path, ''), undefined, path);
    }
  });

  test('with an escape that is none names no model', () => {
    assert.throws(
      () => paths.match('/model/%E0%A4%A/converse', ''),
      error => error instanceof Fault && error.code === 'model_not_found',
    );
  });
});
