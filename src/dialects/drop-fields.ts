import { JsonScan } from './json-scan.ts';
import { NameTable } from './name-table.ts';
import type { Edit } from './splice.ts';

/** How top-level fields are left out of a body by its bytes. */
export interface DroppedFields {
  readonly edits: readonly Edit[];
  /** Those that were there, in their order. */
  readonly names: readonly string[];
}

/** The body was scanned before: it is one JSON object. */
export function dropFields(body: Buffer, names: readonly string[]): DroppedFields {
  const table = new NameTable(names);
  const edits: Edit[] = [];
  const dropped: string[] = [];
  const scan = new JsonScan();
  scan.start(body, 0, body.length);
  scan.enter();
  // A field goes with the comma before it; the first ones, as long as nothing is kept, with the one behind them.
  const openAt = scan.at;
  let keptAny = false;
  let before = openAt;
  while (scan.nextMember()) {
    const field = scan.key(table);
    scan.skip();
    if (field === -1) {
      if (!keptAny && dropped.length > 0) edits.push({ start: openAt, end: body.indexOf(comma, before) + 1, text: '' });
      keptAny = true;
    } else {
      dropped.push(table.names[field]!);
      if (keptAny) edits.push({ start: before, end: scan.at, text: '' });
    }
    before = scan.at;
  }
  if (!keptAny && dropped.length > 0) edits.push({ start: openAt, end: before, text: '' });
  return { edits, names: dropped };
}

const comma = 0x2c;
