import { Fault } from '../../completion/fault.ts';
import type { ByteRange } from '../dialect.ts';
import { JsonScan } from '../json-scan.ts';
import { NameTable } from '../name-table.ts';

/** Where the members of an object that the table names lie, in a body that was checked before; undefined for those it has not.
 *  Throws Fault for an object that says one of them twice, or is none; null has none. */
export function membersAt(
  body: Buffer,
  at: ByteRange | undefined,
  path: string,
  table: NameTable<string>,
): readonly (ByteRange | undefined)[] {
  const ranges: (ByteRange | undefined)[] = table.names.map(() => undefined);
  if (at === undefined) return ranges;
  const scan = new JsonScan();
  scan.start(body, at.start, at.end);
  if (scan.isNull) return ranges;
  if (!scan.isObject) throw new Fault('parameter_invalid', `${path} must be an object.`, { parameter: path });
  scan.enter();
  while (scan.nextMember()) {
    const member = scan.key(table);
    const start = scan.at;
    scan.skip();
    if (member === -1) continue;
    const name = `${path}.${table.names[member]}`;
    if (ranges[member] !== undefined) {
      throw new Fault('json_duplicate_key', `The field ${name} occurs twice.`, { parameter: name });
    }
    ranges[member] = { start, end: scan.at };
  }
  return ranges;
}

/** Places of the words for an output limit, with the paths of their fields. */
export interface LimitPlace {
  readonly path: string;
  readonly at: ByteRange;
}

/** What models call their limit among the fields beyond the dialect, which Converse passes on to them as they are
 *  (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, 2026-11). Which of two a model obeys is not
 *  documented, so the largest counts. */
const limitNames = new NameTable([
  'max_tokens',
  'maxTokens',
  'max_new_tokens',
  'max_gen_len',
  'max_tokens_to_sample',
  'max_completion_tokens',
  'maxTokenCount',
]);
const nestedNames = new NameTable(['inferenceConfig', 'textGenerationConfig']);
const ownName = new NameTable(['maxTokens']);

export function limitPlaces(
  body: Buffer,
  inferenceConfig: ByteRange | undefined,
  additional: ByteRange | undefined,
): readonly LimitPlace[] {
  const places: LimitPlace[] = [];
  const add = (table: NameTable<string>, at: ByteRange | undefined, path: string): void => {
    membersAt(body, at, path, table).forEach((range, index) => {
      if (range !== undefined) places.push({ path: `${path}.${table.names[index]}`, at: range });
    });
  };
  add(ownName, inferenceConfig, 'inferenceConfig');
  if (additional === undefined || body[additional.start] !== objectStart) return places;
  add(limitNames, additional, 'additionalModelRequestFields');
  membersAt(body, additional, 'additionalModelRequestFields', nestedNames).forEach((range, index) => {
    if (range === undefined || body[range.start] !== objectStart) return;
    add(limitNames, range, `additionalModelRequestFields.${nestedNames.names[index]}`);
  });
  return places;
}

const objectStart = 0x7b;
