import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecorder } from './recorder.ts';

const request = (body: string) => ({
  method: 'POST',
  path: '/',
  httpVersion: '1.1',
  rawHeaders: [],
  body: Buffer.from(body),
  script: '',
});

test('the oldest exchanges make room for new ones', () => {
  const recorder = createRecorder({ exchangesMax: 2, bytesMax: 1_000 });
  for (const body of ['a', 'b', 'c']) recorder.open(request(body));

  assert.deepEqual(
    recorder.list().map(exchange => [exchange.sequence, exchange.body.toString()]),
    [
      [2, 'b'],
      [3, 'c'],
    ],
  );
});

test('bytes of answers count too, and the newest exchange is always kept', () => {
  const recorder = createRecorder({ exchangesMax: 100, bytesMax: 50 });
  recorder.open(request('old'));
  const newest = recorder.open(request('new'));
  newest.began(200, ['a', 'b']);
  newest.wrote(Buffer.alloc(60, 'x'));
  newest.ended('complete');

  const [kept, ...others] = recorder.list();
  assert.equal(others.length, 0);
  assert.equal(kept!.body.toString(), 'new');
  assert.equal(kept!.answer.body.length, 60);
});

test('what is written after an exchange made room costs nothing', () => {
  const recorder = createRecorder({ exchangesMax: 1, bytesMax: 100 });
  const gone = recorder.open(request('gone'));
  recorder.open(request('kept'));
  gone.wrote(Buffer.alloc(1_000));
  recorder.open(request('next'));

  assert.deepEqual(
    recorder.list().map(exchange => exchange.body.toString()),
    ['next'],
  );
});

test('the first ending of an exchange stays', () => {
  const recorder = createRecorder({ exchangesMax: 1, bytesMax: 100 });
  const record = recorder.open(request('x'));
  record.ended('broken');
  record.ended('client-aborted');

  assert.equal(recorder.list()[0]!.answer.outcome, 'broken');
});
