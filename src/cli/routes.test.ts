import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type AdminUnderTest, startAdmin } from '../../test/support/admin.ts';
import { type ExchangeSketch, exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { completeExchange } from '../../test/support/ledger.ts';
import type { EndRecord } from '../journal/record.ts';
import { LedgerShipping } from '../ledger/shipping.ts';
import { decide } from '../routing/decide.ts';
import type { CandidateView, DecisionRecord, Health, RequestFacts } from '../routing/decision.ts';
import { EpochChain } from '../routing/epochs.ts';
import { runProgram } from './program.ts';

/** The management API's clock in tests is 1,790,000,000,000. */
const nowMs = 1_790_000_000_000;
const atMs = nowMs - 3_600_000;
const dayMs = 86_400_000;
const chain = new EpochChain(Math.floor(atMs / dayMs) * dayMs, '5e'.repeat(32));

const configuration = (second: string, was = '') => `
providers: { openai: { dialect: openai-chat, baseUrl: "https://api.openai.com/v1" } }
deployments:
  gpt-5-1: { provider: openai, model: openai/gpt-5, targetModel: gpt-5 }
  ${second}: { provider: openai, model: openai/gpt-5-b, targetModel: gpt-5-b${was} }
  gpt-5-3: { provider: openai, model: openai/gpt-5-mini, targetModel: gpt-5-mini }
prices:
  sell: { currency: USD, rates: { openai/gpt-5: { input: "2", output: "20" }, openai/gpt-5-b: { input: "1", output: "10" }, openai/gpt-5-mini: { input: "0.5", output: "1" } } }
  buy: { currency: USD, rates: { openai/*: { input: "1", output: "4" } } }
routes: { smart: { candidates: [ { deployment: gpt-5-1 }, { deployment: ${second} } ] } }
`;

let admin: AdminUnderTest;
const files: Record<string, string> = {};
let handles: Record<string, string> = {};

async function run(words: string, more: readonly string[] = [], send?: (request: Request) => Promise<Response>) {
  let out = '';
  let err = '';
  const code = await runProgram([...words.split(' '), ...more], {
    environment: { CARRIER_ADMIN_KEY: admin.adminKey },
    out: { write: text => void (out += text), isTerminal: false },
    err: { write: text => void (err += text), isTerminal: false },
    send: send ?? (async request => admin.app.request(request)),
    readText: path => files[path] ?? '',
    writeText: (path, text) => {
      files[path] = text;
    },
  });
  return { code, out, err };
}

const json = async (words: string, more: readonly string[] = []) => {
  const { code, out } = await run(`${words} --json`, more);
  return { code, answer: JSON.parse(out) };
};

async function apply(file: string) {
  files['carrier.yaml'] = file;
  const { code, out, err } = await run('apply -f carrier.yaml');
  assert.equal(code, 0, out + err);
}

function view(name: string, part: Partial<CandidateView> = {}): CandidateView {
  return {
    handle: handles[name]!,
    weight: 1,
    priority: 1,
    zone: 'US',
    dialects: ['openai-chat'],
    priced: true,
    allowed: true,
    ...part,
  };
}

function decided(
  id: string,
  views: readonly CandidateView[],
  part: { readonly facts?: Partial<RequestFacts>; readonly health?: ReadonlyMap<string, Health> } = {},
): DecisionRecord {
  const facts = {
    exchangeId: id,
    dialect: 'openai-chat',
    policy: 'priority',
    inputTokens: 1_000,
    outputTokens: 100,
    ...part.facts,
  } as const;
  return decide(views, { atMs, health: part.health ?? new Map() }, facts, chain.drawAt(atMs)!);
}

const ship = (sketch: ExchangeSketch, end: Partial<EndRecord>) =>
  new LedgerShipping(admin.store, 'j1').ship({
    exchanges: [
      completeExchange(recordsOf(sketch).map(record => (record.type === 'end' ? { ...record, ...end } : record))),
    ],
    positions: [],
    alerts: [],
  });

const ids = { plain: exchangeId(1), panic: exchangeId(2), changed: exchangeId(3), none: exchangeId(4) };
const withoutServer = () => Promise.reject(new Error('no server may be asked'));

suite('carrier routes and carrier replay', () => {
  before(async () => {
    admin = await startAdmin();
    await apply(configuration('second'));
    const { rows } = await admin.store.pool.query(
      `select id, document ->> 'handle' as handle from configuration_resource where kind = 'deployment'`,
    );
    handles = Object.fromEntries(rows.map(({ id, handle }) => [id, handle]));
    const first = view('gpt-5-1');
    const second = view('second', { priority: 2 });
    const sketch = (id: string) => ({ id, atMs });
    await ship(sketch(ids.plain), {
      decision: decided(ids.plain, [first, second, view('gpt-5-3', { zone: 'GLOBAL' })], { facts: { zones: ['US'] } }),
    });
    await ship(sketch(ids.panic), {
      decision: decided(ids.panic, [first, second], {
        facts: { policy: 'weighted' },
        health: new Map([
          [first.handle, { breaker: 'open' }],
          [second.handle, { coolingUntilMs: atMs + 1 }],
        ]),
      }),
    });
    const honest = decided(ids.changed, [first, second]);
    await ship(sketch(ids.changed), { decision: { ...honest, order: [...honest.order].reverse() } });
    await ship(sketch(ids.none), { decision: null });
    // The draws' anchor was committed before they were drawn.
    await admin.store.pool.query(
      `insert into epoch_chain (anchor, replica, starts_at, committed_at) values ($1, 'r1', to_timestamp($2), to_timestamp($2))`,
      [chain.anchor, Math.floor(atMs / dayMs) * 86_400],
    );
  });
  after(() => admin.stop());

  test('an exchange is explained in words', async () => {
    const { code, out } = await run('routes explain', [ids.plain]);

    assert.equal(code, 0);
    assert.match(out, /“smart” was asked for, with about 1,000 tokens of input; about 100 were expected back\./);
    assert.match(out, /Policy priority: lowest priority first/);
    assert.match(out, /It may be processed in US only\./);
    assert.match(out, /^ +1 +gpt-5-1 +100\.0 % +answered$/m);
    assert.match(out, /^ +2 +second +0\.0 % +held in reserve$/m);
    assert.match(out, /^ +– +gpt-5-3 +left out: nobody says where it processes$/m);
    assert.match(out, /gpt-5-1 came before all others by the policy; nothing was left to chance\./);
    assert.match(out, /^ +1\. gpt-5-1 answered, first byte after [\d,]+ ms, over after [\d,]+ ms$/m);
    assert.match(out, /it comes out the same, byte for byte\./);
  });

  test('ties, unwell candidates and a changed record are told', async () => {
    const panic = await run('routes explain', [ids.panic]);
    assert.match(panic.out, /More than half of the candidates were unwell/);
    assert.match(panic.out, /held in reserve, last: it had asked to be left alone for a while/);

    const changed = await run('routes explain', [ids.changed]);
    assert.match(changed.out, /it comes out DIFFERENT/);
  });

  test('what was never decided, or is not kept, is a named refusal', async () => {
    const unknown = await run('routes explain', ['ex_unknown']);
    assert.deepEqual([unknown.code, unknown.out], [4, '']);
    assert.match(unknown.err, /No exchange of this id is kept/);
    assert.match((await run('routes explain', [ids.none])).err, /its decision is not/);
  });

  test('after a rename the exchange is told by the names of its time, and new ones by the new', async () => {
    await apply(configuration('renamed', ', was: second'));
    try {
      assert.match((await run('routes explain', [ids.plain])).out, /^ +2 +second /m);
      const { rows } = await admin.store.pool.query(
        'select name from deployment_name where handle = $1 order by since',
        [handles['second']],
      );
      assert.deepEqual(rows, [{ name: 'second' }, { name: 'renamed' }]);
    } finally {
      await apply(configuration('second', ', was: renamed'));
    }
  });

  test('one decision is decided again, here', async () => {
    const { code, out } = await run('replay', [ids.plain]);

    assert.deepEqual([code, out], [0, 'Decided 1 requests again: 1 the same, 0 different, 0 unreadable.\n']);
  });

  test('a period with a changed record fails, and shows where it differs', async () => {
    const { code, answer } = await json('replay --from 2026-09-21 --verify-seeds');

    assert.equal(code, 1);
    const { items, ...counts } = answer;
    assert.deepEqual(counts, {
      replayed: 3,
      same: 2,
      different: 1,
      unreadable: 0,
      seeds: { epochs: 1, anchored: 1, late: 0, unknown: 0 },
    });
    assert.deepEqual(items, [
      {
        id: ids.changed,
        outcome: 'different',
        detail: [
          `order.0: "${handles['second']}" → "${handles['gpt-5-1']}"`,
          `order.1: "${handles['gpt-5-1']}" → "${handles['second']}"`,
        ],
      },
    ]);
  });

  test('a file is decided again without a server, seeds and all', async () => {
    await run('replay --save kept.jsonl', [ids.plain]);
    const here = await run('replay --file kept.jsonl --verify-seeds', [], withoutServer);
    assert.equal(here.code, 0, here.err);
    assert.match(
      here.out,
      /1 the same, 0 different, 0 unreadable\.\nOf 1 seeds 1 follow from an anchor committed before\.\n/,
    );

    files['forged.jsonl'] = files['kept.jsonl']!.replace(/"anchor":"../, '"anchor":"zz');
    const forged = await run('replay --file forged.jsonl --verify-seeds', [], withoutServer);
    assert.equal(forged.code, 1);
    assert.match(forged.out, /1 from NO anchor that is known/);

    files['broken.jsonl'] = 'not json\n{"v":1}\n';
    const broken = await run('replay --file broken.jsonl', [], withoutServer);
    assert.equal(broken.code, 1);
    assert.match(broken.out, /2 unreadable/);
    assert.match(broken.out, /line 1 unreadable/);
  });

  test('replay needs to be told what, and once', async () => {
    assert.equal((await run('replay')).code, 2);
    assert.equal((await run('replay --from 2026-09-21', [ids.plain])).code, 2);
  });

  test('records are told a page at a time, and every one once', async () => {
    const authorization = `Bearer ${admin.adminKey}`;
    const seen: string[] = [];
    let after = '';
    for (let page = 0; page < 5; page += 1) {
      const answer = await admin.app.request(`/api/v1/decisions?from=2026-09-21&limit=1${after}`, {
        headers: { authorization },
      });
      const { items, next } = (await answer.json()) as { items: { id: string }[]; next?: string };
      seen.push(...items.map(({ id }) => id));
      if (next === undefined) break;
      after = `&after=${next}`;
    }
    assert.deepEqual(seen.sort(), [ids.plain, ids.panic, ids.changed].sort());
    const wrong = await admin.app.request('/api/v1/decisions?from=2026-09-21&after=x', { headers: { authorization } });
    assert.equal(wrong.status, 400);
  });

  const period = '--from 2026-09-21 --to 2026-09-22';

  test('the cheapest of all would have moved what the dear one answered', async () => {
    const { code, answer } = await json(`routes simulate smart ${period} --with policy=cheapest`);

    assert.equal(code, 0);
    const { examined, moved, unserved, deployments, before: was, after: would } = answer;
    assert.deepEqual({ examined, moved, unserved }, { examined: 3, moved: 1, unserved: 0 });
    assert.deepEqual(deployments, [
      { deployment: 'gpt-5-1', before: 1, after: 0 },
      { deployment: 'second', before: 2, after: 3 },
    ]);
    // 1,000 tokens of input and 100 of output: 0.004 USD at the one, 0.002 at the other.
    assert.equal(was.costNano, '8000000');
    assert.equal(would.costNano, '6000000');
  });

  test('candidates removed, added and weighed are played through', async () => {
    const removed = await json(`routes simulate smart ${period} --with remove=gpt-5-1 remove=second`);
    assert.deepEqual([removed.answer.unserved, removed.answer.after.costKnown], [3, 0]);

    const added = await json(`routes simulate smart ${period} --with add=gpt-5-3 priority.gpt-5-3=0`);
    assert.deepEqual(
      added.answer.deployments.find((share: { deployment: string }) => share.deployment === 'gpt-5-3').after,
      2,
    );

    const capped = await json(`routes simulate smart ${period} --with costMax=0.003`);
    assert.deepEqual(capped.answer.deployments, [
      { deployment: 'gpt-5-1', before: 1, after: 0 },
      { deployment: 'second', before: 2, after: 3 },
    ]);
  });

  test('a simulation is shown with shares, cost, time and what is assumed', async () => {
    const { out } = await run(`routes simulate smart ${period} --with policy=cheapest`);

    assert.match(out, /^Of 3 requests 1 \(33\.3 %\) would have been sent elsewhere first\.$/m);
    assert.match(out, /^gpt-5-1 +33\.3 % +0\.0 % +-33\.3 pp$/m);
    assert.match(out, /^Expected cost {2}0\.008 → 0\.006 USD \(-25\.0 %\)$/m);
    assert.match(out, /^· Times are means/m);
  });

  const simulateFile = async (text: string, words = 'smart') => {
    files['change.yaml'] = text;
    return run(`routes simulate ${words} ${period} --with change.yaml --json`);
  };

  test('a file says what the route would be: its candidates are all there are', async () => {
    const cheapest = await simulateFile(
      'routes: { smart: { policy: cheapest, candidates: [ { deployment: gpt-5-1 }, { deployment: second } ] } }',
    );
    assert.equal(cheapest.code, 0, cheapest.err);
    assert.deepEqual(JSON.parse(cheapest.out).deployments, [
      { deployment: 'gpt-5-1', before: 1, after: 0 },
      { deployment: 'second', before: 2, after: 3 },
    ]);

    const third = await simulateFile('routes: { smart: { candidates: [ { deployment: gpt-5-3 } ] } }');
    const { deployments, unserved, file } = JSON.parse(third.out);
    // The first request allows no zone but US, where gpt-5-3 is not known to be.
    assert.deepEqual(
      [unserved, deployments.find((one: { deployment: string }) => one.deployment === 'second').after],
      [1, 0],
    );
    assert.match(file, /^routes/);

    const capped = await simulateFile(
      'routes: { smart: { costMax: "0.003", candidates: [ { deployment: gpt-5-1 }, { deployment: second } ] } }',
    );
    assert.deepEqual(JSON.parse(capped.out).deployments[0], { deployment: 'gpt-5-1', before: 1, after: 0 });
  });

  test('what a file changes besides is refused by name and place, and nothing is applied', async () => {
    const { code, out } = await simulateFile(
      [
        'deployments:',
        '  gpt-5-3: { provider: openai, model: openai/gpt-5-mini, targetModel: gpt-5-nano }',
        'routes:',
        '  smart:',
        '    candidates: [ { deployment: second } ]',
        '    retries: 5',
        '  other: { candidates: [ { deployment: second } ] }',
      ].join('\n'),
    );
    assert.equal(code, 4);
    assert.match(out, /2:3 deployments\.gpt-5-3: the file changes it, too/);
    assert.match(out, /6:5 routes\.smart\.retries: cannot be simulated/);
    assert.match(out, /7:3 routes\.other: the file changes it, too/);
    assert.doesNotMatch(out, /routes\.smart\.candidates|policy/);
    assert.match((await run('routes simulate other --with policy=cheapest')).out, /No decision of this route is kept/);
    assert.doesNotMatch((await run('export')).out, /other:|gpt-5-nano/);
  });

  test('a route that is not stored yet may be played through as the file says it', async () => {
    const fresh = (more: string) =>
      simulateFile(`routes: { fresh: { candidates: [ { deployment: second } ]${more} } }`, 'fresh');
    const plain = await fresh('');
    assert.deepEqual([plain.code, JSON.parse(plain.out).examined], [0, 0]);
    const patient = await fresh(', retries: 7');
    assert.equal(patient.code, 4);
    assert.match(patient.out, /routes\.fresh\.retries: cannot be simulated/);
    assert.doesNotMatch(patient.out, /TimeoutMs|candidates/);
  });

  test('a file that is not about the route, is none, or comes with other changes is refused', async () => {
    const candidates = '{ candidates: [ { deployment: second } ] }';
    assert.match(
      (await simulateFile(`routes: { smart: ${candidates} }`, 'other')).out,
      /says nothing of the route other/,
    );
    assert.match((await simulateFile('routes: { smart: { colour: red } }')).out, /routes\.smart\.colour/);
    assert.equal((await simulateFile('')).code, 4);
    assert.match(
      (await simulateFile(`routes: { smart: { candidates: [ { deployment: nobody } ] } }`)).out,
      /there is no deployment nobody/,
    );
    assert.equal((await run('routes simulate smart --with change.yaml policy=cheapest')).code, 2);
    const both = await admin.app.request('/api/v1/route-simulations', {
      method: 'POST',
      headers: { authorization: `Bearer ${admin.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        route: 'smart',
        from: '2026-09-21',
        change: {},
        file: `routes: { smart: ${candidates} }`,
      }),
    });
    assert.equal(both.status, 400);
  });

  test('a change that names nothing, or nobody, is refused', async () => {
    assert.equal((await run('routes simulate smart --with colour=red')).code, 2);
    assert.equal((await run('routes simulate smart --with policy')).code, 2);
    assert.equal((await run('routes simulate smart --last soon --with policy=cheapest')).code, 2);
    assert.match((await run('routes simulate smart --with add=nobody')).err, /no deployment has this name/);
    assert.equal((await run('routes simulate smart --with policy=dearest')).code, 4);
    assert.match(
      (await run(`routes simulate other ${period} --with policy=cheapest`)).out,
      /No decision of this route is kept/,
    );
  });
});
