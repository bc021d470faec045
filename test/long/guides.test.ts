import { basename } from 'node:path';
import { test } from 'node:test';
import { guidesWithExamples } from '../docs/read-examples.ts';
import { runGuide } from '../docs/run-guide.ts';

for (const path of guidesWithExamples()) {
  test(`the examples of ${basename(path)} do what it says`, () => runGuide(path));
}
