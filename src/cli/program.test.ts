import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type AdminUnderTest, startAdmin } from '../../test/support/admin.ts';
import { runProgram } from './program.ts';

const design = readFileSync(new URL('../../test/support/fixtures/design.yaml', import.meta.url), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'carrier-cli-'));
let admin: AdminUnderTest;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  words: string,
  over: {
    readonly stdin?: string;
    readonly environment?: Record<string, string>;
    readonly isTerminal?: boolean;
    readonly send?: (request: Request) => Promise<Response>;
  } = {},
): Promise<Ran> {
  let out = '';
  let err = '';
  const code = await runProgram(
    words.split(' ').filter(word => word !== ''),
    {
      environment: { CARRIER_ADMIN_KEY: admin.adminKey, CARRIER_DATA: directory, ...over.environment },
      out: { write: text => void (out += text), isTerminal: over.isTerminal ?? false },
      err: { write: text => void (err += text), isTerminal: false },
      send: over.send ?? (async request => admin.app.request(request)),
      readText: path => (path === '-' ? (over.stdin ?? '') : readFileSync(path, 'utf8')),
      writeText: (path, text) => writeFileSync(path, text),
    },
  );
  return { code, out, err };
}

suite('the command line', () => {
  before(async () => {
    admin = await startAdmin();
  });
  after(async () => {
    await admin.stop();
    rmSync(directory, { recursive: true });
  });

  test('a file is shown as a difference, applied, and applied again without change', async () => {
    const dry = await run('apply -f - --dry-run', { stdin: design });
    assert.equal(dry.code, 0, dry.err);
    assert.match(dry.out, /^\+ deployment gpt-5-us\n {4}provider: openai\n/m);
    assert.match(dry.out, /10 to create\. Nothing was changed: this is a dry run\.\n$/);
    assert.match((await run('apply -f -', { stdin: design })).out, /10 created; revision 1\.\n$/);
    assert.equal((await run('apply -f -', { stdin: design })).out, 'No change; the configuration is at revision 1.\n');
    const changed = await run('apply -f - --dry-run', {
      stdin: design.replace('weight: 1, priority', 'weight: 3, priority'),
      isTerminal: true,
    });
    assert.equal(
      changed.out,
      '\x1b[33m~ route smart\x1b[39m\n    candidates.sonnet-eu: weight 1, priority 2 → weight 3, priority 2\n1 to change. Nothing was changed: this is a dry run.\n',
    );
  });

  test('an export applies without change', async () => {
    await run('apply -f -', { stdin: design });
    const path = join(directory, 'out.yaml');
    assert.equal((await run(`export -o ${path}`)).code, 0);
    assert.match((await run(`apply -f ${path} --prune`)).out, /^No change/);
  });

  test('a refused file says everything that is wrong and exits 4', async () => {
    const refused = await run('apply -f -', { stdin: 'routes: { a: 1 }\nx: 1' });
    assert.equal(refused.code, 4);
    assert.equal(refused.out, '');
    assert.match(
      refused.err,
      /^carrier: 2 problems in the configuration:\n {2}1:11 routes\.a: .*\n {2}2:1 x: no setting/,
    );
    const json = await run('apply -f - --json', { stdin: 'x: 1' });
    assert.equal(json.code, 4);
    assert.equal(JSON.parse(json.out).errors[0].path, 'x');
  });

  test('a key is created with its secret alone on standard output, listed and revoked', async () => {
    await run('apply -f -', { stdin: design });
    const created = await run('keys create --project acme/web --name ci-2');
    assert.equal(created.code, 0, created.err);
    assert.match(created.out, /^cck_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}\n$/);
    const id = created.out.slice(4, 12);
    assert.match((await run('keys list')).out, new RegExp(`^${id}  acme/web  ci-2  never    active$`, 'm'));
    assert.equal((await run('keys revoke acme/web/ci-2')).out, `Revoked ${id} (acme/web/ci-2).\n`);
    assert.match((await run('keys list')).out, new RegExp(`^${id}  acme/web  ci-2  never    revoked$`, 'm'));
    assert.equal((await run('keys revoke nobody')).code, 4);
  });

  test('a key is created with restrictions, rotated with an overlap, changed, and all of it is in the audit log', async () => {
    await run('apply -f -', { stdin: design });
    const created = await run(
      'keys create --project acme/web --name page --address 10.0.0.0/8 --origin https://app.example.com ' +
        '--tag team=search --tag app=site --allow openai/*',
    );
    assert.equal(created.code, 0, created.err);
    const id = created.out.slice(4, 12);
    const rotated = await run('keys rotate acme/web/page --overlap 2h');
    assert.match(rotated.out, new RegExp(`^cck_${id}_[0-9A-Za-z]{43}\\n$`));
    assert.notEqual(rotated.out, created.out);
    assert.match(rotated.err, /the secret before is good until 2026-09-21T16:13:20\.000Z/);
    const changed = await run(`keys change ${id} --set {"tags":{"app":null},"origins":null}`);
    assert.equal(
      changed.out,
      `Key ${id}, acme/web/page: active\n  created 2026-09-21T14:13:20.000Z\n` +
        '  an earlier secret is good until 2026-09-21T16:13:20.000Z\n  allow ["openai/*"]\n' +
        '  addresses ["10.0.0.0/8"]\n  tags {"team":"search"}\n',
    );
    assert.equal((await run(`keys show ${id}`)).out, changed.out);
    for (const [words, code] of [
      ['keys rotate acme/web/page --overlap soon', 2],
      ['keys create --project acme/web --name x --tag team', 2],
      ['keys change acme/web/page --set [1]', 2],
      ['keys change acme/web/page --set {"tags":5}', 4],
      ['keys rotate nobody', 4],
      ['audit --csv --ndjson', 2],
    ] as const) {
      assert.equal((await run(words)).code, code, words);
    }

    const shown = JSON.parse((await run('audit --action keys --limit 3 --json')).out).items;
    assert.deepEqual(
      shown.map((event: { action: string; target: string }) => `${event.action} ${event.target}`),
      [`keys.write key:${id}`, `keys.rotate key:${id}`, `keys.create key:${id}`],
    );
    assert.match(
      (await run('audit --action keys --limit 1')).out,
      /admin-key +keys\.write +key:\w{8} acme\/web\/page +origins, tags/,
    );
    assert.match((await run('audit --action keys.rotate --csv')).out, /^id,at,actor,organisation,action/);
    assert.match((await run('audit --action keys.rotate --ndjson')).out, /"action":"keys\.rotate"/);
    assert.doesNotMatch((await run('audit --ndjson')).out, /cck_[0-9A-Za-z]{8}_/);
  });

  test('without a key, a server that is not there is what is missing; one that is there asks for the key', async () => {
    const nothing = { CARRIER_ADMIN_KEY: '', CARRIER_DATA: join(directory, 'none') };
    const send = () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));

    const unreachable = await run('usage', { environment: nothing, send });
    const keyless = await run('usage', { environment: nothing });

    assert.equal(unreachable.code, 3);
    assert.match(unreachable.err, /^carrier: No server answers at http:\/\/127\.0\.0\.1:8080 \(ECONNREFUSED\)/);
    assert.equal(keyless.code, 4);
    assert.match(
      keyless.err,
      /^carrier: Nobody is logged in here: `carrier login`, or set CARRIER_TOKEN or CARRIER_ADMIN_KEY/,
    );
  });

  test('a local revocation needs no server', async () => {
    const unreachable = { CARRIER_ADMIN_KEY: '', CARRIER_URL: 'http://127.0.0.1:1' };
    const done = await run(`keys revoke cck_Ab12Cd34_${'z'.repeat(43)} --local --json`, { environment: unreachable });
    assert.deepEqual(JSON.parse(done.out), { id: 'Ab12Cd34', revoked: true, local: true });
    assert.deepEqual(readdirSync(join(directory, 'revoked')), ['Ab12Cd34']);
    assert.equal((await run('keys revoke ../../etc --local')).code, 2);
  });

  test('models, prices, usage and exchanges print tables, and JSON when asked', async () => {
    await run('apply -f -', { stdin: design });
    assert.equal(
      (await run('models')).out,
      'model                      priced  deployments\nanthropic/claude-sonnet-5  no      sonnet-eu\nopenai/gpt-5               yes     gpt-5-us\n',
    );
    assert.equal(JSON.parse((await run('models --json')).out).items.length, 2);
    assert.match((await run('prices')).out, /^sell {2}openai\/gpt-5 {3}1\.25 {3}0\.125 {6}10 {2}USD/m);
    assert.match(
      (await run('usage --by project --from 2026-09-01 --to 2026-10-01')).out,
      /^No usage from 2026-09-01T00:00:00\.000Z/,
    );
    assert.equal(JSON.parse((await run('prices --json')).out).books.length, 2);
    assert.deepEqual(JSON.parse((await run('usage --by key --json')).out).rows, []);
    assert.match((await run('budgets')).out, /^project acme\/web {7}month {3}yes {3}100 USD$/m);
    assert.equal((await run('alerts')).out, 'No alerts.\n');
    assert.equal((await run('exchanges list')).out, 'No exchanges yet.\n');
    assert.equal((await run('exchanges show ex_none')).code, 4);
  });

  test('prices are compared, published once, quoted, and refused whole', async () => {
    await run('apply -f -', { stdin: design });
    const file = 'prices: { sell: { currency: USD, rates: { openai/gpt-5: { input: "2.50", output: "10.00" } } } }';

    const diff = await run('prices diff -f -', { stdin: file });
    assert.equal(diff.code, 0, diff.err);
    assert.match(diff.out, /^sell {2}openai\/gpt-5 {9}input +1\.25 +2\.5 {2}\+100\.00 +at once$/m);
    assert.match(diff.out, /^sell {2}openai\/gpt-5 {9}cacheRead +0\.125 +at once$/m);
    assert.match(diff.out, /^2 rates would change\. Nothing was published\.$/m);
    assert.match(
      (await run('prices publish -f -', { stdin: file })).out,
      /^Published sell-[0-9a-f]{12}: 2 rates; revision \d+\.$/m,
    );
    assert.match((await run('prices publish -f -', { stdin: file })).out, /^No price changes/);
    assert.deepEqual(JSON.parse((await run('prices diff -f - --json', { stdin: file })).out).changes, []);

    const quote = await run('prices quote --model openai/gpt-5 --usage input=1000000,output=100 --json');
    const [one] = JSON.parse(quote.out).quotes;
    assert.deepEqual([one.deployment, one.sell.amount, one.buy.amount], ['gpt-5-us', '2.501', '1.251']);
    assert.match(
      (await run('prices quote --deployment gpt-5-us --usage page=1')).out,
      /sell: no price, no rate for page in sell-/,
    );

    const refused = await run('prices publish -f -', {
      stdin: 'prices: { sell: { currency: XTS, rates: { a/b: { input: "1e3" } } } }\nroutes: {}',
    });
    assert.equal(refused.code, 4);
    assert.match(refused.err, /1:\d+ prices\.sell\.currency: must be an ISO 4217 code/);
    assert.match(refused.err, /1:\d+ prices\.sell\.rates\.a\/b\.input: must be a decimal/);
    assert.match((await run('prices')).out, /^sell {2}openai\/gpt-5 {4}2\.5 +10 {2}USD/m);
    for (const [words, code] of [
      ['prices quote --deployment gpt-5-us --usage input', 2],
      ['prices quote --deployment gpt-5-us --usage input=1.5', 2],
      ['prices quote --deployment gpt-5-us --usage input=9007199254740993', 2],
      ['prices quote --deployment gpt-5-us --usage input=1,input=2', 2],
      ['prices quote --deployment gpt-5-us --usage inptu=1', 4],
      ['prices quote --deployment nobody --usage input=1', 4],
      ['prices quote --deployment gpt-5-us --model openai/gpt-5 --usage input=1', 4],
      ['prices quote --usage input=1', 4],
      ['prices quote --deployment gpt-5-us --organisation nobody --usage input=1', 4],
      ['prices quote --deployment gpt-5-us --at tomorrow --usage input=1', 4],
      ['prices publish', 2],
      ['prices nonsense', 2],
    ] as const) {
      assert.equal((await run(words)).code, code, words);
    }
  });

  test('facts are reviewed, imported, held when odd, and written as a file', async () => {
    await run('apply -f -', { stdin: design });
    const diff = await run('prices facts diff');
    assert.match(diff.out, /^openai\/gpt-5 +new +input +1\.25 *$/m);
    assert.match(diff.out, /^Odd: openai\/odd-1: cacheRead is above input\.$/m);
    assert.match(diff.out, /^Facts 1\.2\.3: 4 differ, 0 are as before, 1 cannot be prices\.$/m);
    assert.equal(
      (await run('prices facts import')).out,
      'Held openai/odd-1: cacheRead is above input; input is above output.\nFacts 1.2.3: 3 let through, 1 held, 0 gone, 0 as before.\n',
    );
    assert.match(
      (await run('prices facts list --held')).out,
      /^openai\/odd-1 {2}held +5 +4 {2}cacheRead is above input; input is above output$/m,
    );
    const file = (await run('prices facts file --book sell')).out;
    assert.match(file, /^ {6}openai\/gpt-5:$/m);
    assert.equal((await run('prices diff -f -', { stdin: file })).code, 0);
    assert.match((await run('prices facts import --approve openai/odd-1')).out, /1 let through, 0 held/);
  });

  test('the health of deployments is told without those that did nothing, unless asked', async () => {
    const busy = await run('health');
    assert.equal(busy.code, 0, busy.err);
    assert.match(busy.out, /^✗ {2}haiku-eu /m);
    assert.doesNotMatch(busy.out, /idle-one/);
    assert.match(busy.out, /1 more had nothing to do lately; --all shows them\.\n$/);
    assert.match((await run('health --all')).out, /^· {2}idle-one +nothing known/m);
    const { replica, items } = JSON.parse((await run('health --json')).out);
    assert.deepEqual([replica, items.length], ['replica-1', 5]);
  });

  test('wrong words exit 2, help exits 0', async () => {
    for (const words of [
      'apply',
      'keys',
      'nonsense',
      'usage --by colour',
      'models extra',
      'apply -f - --prone',
      'emulate --port x',
      'drill --seconds 9',
      'drill --seconds 601',
      'drill --rate 4.5',
      'serve',
    ]) {
      const ran = await run(words);
      assert.equal(ran.code, 2, words);
      assert.notEqual(ran.err, '', words);
    }
    for (const words of ['--help', 'apply --help', '']) assert.equal((await run(words)).code, 0, words);
  });

  test('help lists every command under what it is for', async () => {
    const { out } = await run('--help');
    const [, ...groups] = out.split(/^(?=\S.*:$)/m);
    const headings = groups.map(group => group.split('\n')[0]);

    assert.deepEqual(headings, [
      'Options:',
      'Serve:',
      'Configure:',
      'See what happens:',
      'Money and limits:',
      'People and programs:',
      'Commands:',
    ]);
    // One that was added to no group would stand beside `help`.
    assert.deepEqual(groups.at(-1)!.match(/^ {2}\S+/gm), ['  help']);
    assert.match(groups[3]!, /^ {2}health /m);
  });

  test('without a server, a key or a management API behind the address the exit code is 3 or 4', async () => {
    const send = { readText: () => '', writeText: () => {}, out: { write: () => {}, isTerminal: false } };
    let err = '';
    const refused = await runProgram(['models'], {
      ...send,
      environment: { CARRIER_URL: 'http://127.0.0.1:1', CARRIER_ADMIN_KEY: 'x'.repeat(32) },
      err: { write: text => void (err += text), isTerminal: false },
      send: request => fetch(request),
    });
    assert.equal(refused, 3);
    assert.match(err, /No server answers at http:\/\/127\.0\.0\.1:1/);
    assert.equal((await run('models', { environment: { CARRIER_ADMIN_KEY: 'wrong' } })).code, 4);
    assert.equal((await run('models', { environment: { CARRIER_ADMIN_KEY: '' } })).code, 4);
    assert.equal((await run('models', { environment: { CARRIER_URL: 'ftp://x' } })).code, 2);
  });
});
