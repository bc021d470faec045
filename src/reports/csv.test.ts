import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { csvRecord } from './csv.ts';

/** Reads RFC 4180 as it is written there, and throws at anything else: bare CR or LF, a quote in a plain field, text
 *  behind a closing quote, a record without its CRLF. */
function readStrictly(text: string): string[][] {
  const records: string[][] = [];
  let at = 0;
  while (at < text.length) {
    const record: string[] = [];
    for (;;) {
      let field = '';
      if (text[at] === '"') {
        at += 1;
        for (;;) {
          if (at >= text.length) throw new Error('a quoted field does not end');
          if (text[at] === '"' && text[at + 1] === '"') {
            field += '"';
            at += 2;
          } else if (text[at] === '"') {
            at += 1;
            break;
          } else field += text[at++];
        }
      } else {
        while (at < text.length && text[at] !== ',' && text[at] !== '\r' && text[at] !== '\n') {
          if (text[at] === '"') throw new Error('a quote in a plain field');
          field += text[at++];
        }
      }
      record.push(field);
      if (text[at] === ',') {
        at += 1;
        continue;
      }
      if (text.startsWith('\r\n', at)) {
        at += 2;
        break;
      }
      throw new Error(`neither comma nor CRLF at ${at}`);
    }
    records.push(record);
  }
  return records;
}

describe('a record of CSV', () => {
  test('is what RFC 4180 says', () => {
    assert.equal(csvRecord(['a', 'b c', '', null, '0.0007']), 'a,b c,,,0.0007\r\n');
    assert.equal(csvRecord(['say "no"', 'a,b', 'two\r\nlines']), '"say ""no""","a,b","two\r\nlines"\r\n');
    assert.equal(csvRecord([' edge', 'edge ']), '" edge","edge "\r\n');
  });

  test('runs no formula in a spreadsheet, and leaves numbers as they are', () => {
    assert.equal(csvRecord(['=1+1', '+x', '-x', '@SUM(A1)', '\tx']), `'=1+1,'+x,'-x,'@SUM(A1),'\tx\r\n`);
    assert.equal(csvRecord([' =1+1', '\n=1', '＝1']), `' =1+1,"'\n=1",'＝1\r\n`);
    assert.equal(
      csvRecord(['-3', '-0.000000000000000003', '12', '-1-1', '-']),
      `-3,-0.000000000000000003,12,'-1-1,'-\r\n`,
    );
    assert.equal(csvRecord(['=HYPERLINK("http://x","y")']), `"'=HYPERLINK(""http://x"",""y"")"\r\n`);
  });

  test('of any text comes back from a strict reader, and none of its fields begins like a formula', () => {
    const nasty = fc.string({
      unit: fc.constantFrom('"', ',', '\r', '\n', '=', '-', '+', '@', '\t', ' ', 'a', '1', '.', 'é', '＝', '😀'),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.oneof(nasty, fc.string()), { minLength: 1, maxLength: 5 }), { maxLength: 5 }),
        records => {
          const read = readStrictly(records.map(csvRecord).join(''));

          assert.equal(read.length, records.length);
          for (const [index, record] of records.entries()) {
            assert.equal(read[index]!.length, record.length);
            for (const [place, field] of record.entries()) {
              const back = read[index]![place]!;
              assert.ok(
                back === field || back === `'${field}`,
                `${JSON.stringify(field)} came back as ${JSON.stringify(back)}`,
              );
              assert.ok(/^-?\d+(\.\d+)?$/.test(back) || !/^\s*[=+\-@＝＋－＠\t\r]/.test(back), JSON.stringify(back));
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
