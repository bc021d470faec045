import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigurationError } from '../config/problem.ts';
import { readServeWords } from './serve-words.ts';

test('flags are read in both spellings, and --config apart', () => {
  assert.deepEqual(readServeWords(['--port', '9000', '--log-level=debug', '--config', 'a b.yaml', '--host=']), {
    flags: { '--port': '9000', '--log-level': 'debug', '--host': '' },
    configPath: 'a b.yaml',
  });
  assert.deepEqual(readServeWords([]), { flags: {}, configPath: undefined });
});

test('everything that is no flag, has no value or is said twice is reported at once', () => {
  assert.throws(
    () => readServeWords(['9000', '-p', '--port', '--host', 'a', '--host=b', '--workers']),
    (error: unknown) => {
      assert.ok(error instanceof ConfigurationError);
      assert.deepEqual(
        error.problems.map(({ path, message }) => [path, message]),
        [
          ['9000', 'is no flag; flags are --name value'],
          ['-p', 'is no flag; flags are --name value'],
          ['--port', 'needs a value'],
          ['--host', 'is said twice'],
          ['--workers', 'needs a value'],
        ],
      );
      return true;
    },
  );
});
