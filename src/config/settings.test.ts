import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigurationError } from './problem.ts';
import { readSettings, type SettingSources } from './settings.ts';

const plain: SettingSources = { flags: {}, environment: {}, cores: 4, isTerminal: false };
const longKey = 'k'.repeat(32);

function problemsOf(sources: Partial<SettingSources>): readonly (readonly [string, string])[] {
  try {
    readSettings({ ...plain, ...sources });
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    return error.problems.map(problem => [problem.path, problem.code]);
  }
  return [];
}

test('without any setting the documented defaults hold', () => {
  const settings = readSettings(plain);

  assert.equal(settings.port, 8080);
  assert.equal(settings.host, '127.0.0.1');
  assert.equal(settings.dataDirectory, './.carrier');
  assert.equal(settings.workers, 3);
  assert.equal(readSettings({ ...plain, cores: 1 }).workers, 1);
  assert.equal(settings.adminListen, undefined);
  assert.equal(settings.tls, undefined);
  assert.deepEqual(settings.log, { level: 'info', format: 'json' });
  assert.deepEqual(settings.journal, { fsync: 'interval', fsyncIntervalMs: 50, bytesMax: 4_294_967_296 });
  assert.equal(settings.limits.bodyBytesMax, 33_554_432);
  assert.deepEqual(settings.retention, { exchangesDays: 30, decisionsDays: 30, auditDays: 730 });
});

test('flags override the environment and the environment overrides the file', () => {
  const file = { port: 1, host: 'file', workers: 5, log: { level: 'debug' } };
  const settings = readSettings({
    ...plain,
    flags: { '--port': '3' },
    environment: { CARRIER_PORT: '2', CARRIER_HOST: 'environment', CARRIER_WORKERS: '' },
    file,
  });

  assert.equal(settings.port, 3);
  assert.equal(settings.host, 'environment');
  assert.equal(settings.workers, 5);
  assert.equal(settings.log.level, 'debug');
});

test('everything that is wrong is reported at once with its path', () => {
  assert.deepEqual(
    problemsOf({
      flags: { '--prot': '1', '--port': '99999' },
      environment: { CARRIER_HOSTS: 'x', CARRIER_JOURNAL_FSYNC: 'sometimes', CARRIER_TLS_CERT: 'a.pem', PATH: '/bin' },
      file: { limits: { bodyBytesMax: -1, bodyBytes: 5 }, contentLogs: true, workers: 1.5 },
    }),
    [
      ['--prot', 'configuration_invalid'],
      ['CARRIER_HOSTS', 'configuration_invalid'],
      ['process.limits.bodyBytes', 'configuration_invalid'],
      ['process.contentLogs', 'setting_not_available'],
      ['--port', 'configuration_invalid'],
      ['process.workers', 'configuration_invalid'],
      ['CARRIER_JOURNAL_FSYNC', 'configuration_invalid'],
      ['process.limits.bodyBytesMax', 'configuration_invalid'],
      ['CARRIER_TLS_KEY', 'configuration_invalid'],
    ],
  );
});

test('settings of the command line and of tests are not settings of the server', () => {
  assert.deepEqual(
    problemsOf({ environment: { CARRIER_URL: 'http://x', CARRIER_KEY: 'x', CARRIER_TEST_DATABASE_URL: 'x' } }),
    [],
  );
});

test('a database of your own requires both keys, long enough', () => {
  const DATABASE_URL = 'postgres://localhost/x';
  assert.deepEqual(problemsOf({ environment: { DATABASE_URL } }), [
    ['CARRIER_ADMIN_KEY', 'configuration_invalid'],
    ['CARRIER_MASTER_KEY', 'configuration_invalid'],
  ]);
  assert.deepEqual(
    problemsOf({ environment: { DATABASE_URL, CARRIER_ADMIN_KEY: longKey, CARRIER_MASTER_KEY: 'short' } }),
    [['CARRIER_MASTER_KEY', 'configuration_invalid']],
  );
  assert.deepEqual(
    problemsOf({ environment: { DATABASE_URL, CARRIER_ADMIN_KEY: longKey, CARRIER_MASTER_KEY: longKey } }),
    [],
  );
});

test('a secret that is wrong is not repeated in the message', () => {
  try {
    readSettings({ ...plain, environment: { CARRIER_MASTER_KEY: `hunter2${'x'.repeat(5_000)}` } });
    assert.fail('accepted');
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    assert.doesNotMatch(error.message, /hunter2/);
  }
});

test('an admin address may be a port alone, an IPv6 host, and nothing else', () => {
  const listen = (value: string) =>
    readSettings({ ...plain, environment: { CARRIER_ADMIN_LISTEN: value } }).adminListen;
  assert.deepEqual(listen(':9000'), { host: '127.0.0.1', port: 9000 });
  assert.deepEqual(listen('[::1]:9000'), { host: '::1', port: 9000 });
  assert.deepEqual(listen('admin.internal:443'), { host: 'admin.internal', port: 443 });
  for (const wrong of ['9000', 'host:', 'host:99999', 'a:b:1']) {
    assert.deepEqual(problemsOf({ environment: { CARRIER_ADMIN_LISTEN: wrong } }), [
      ['CARRIER_ADMIN_LISTEN', 'configuration_invalid'],
    ]);
  }
});

test('a process part of the wrong shape is refused, whatever it is', () => {
  for (const file of [[], 'port', 7, true])
    assert.deepEqual(problemsOf({ file }), [['process', 'configuration_invalid']]);
  assert.deepEqual(problemsOf({ file: null }), []);
  assert.deepEqual(problemsOf({ file: { port: { a: 1 } } }), [['process.port.a', 'configuration_invalid']]);
  assert.deepEqual(problemsOf({ file: { port: [8080], host: 7 } }), [
    ['process.port', 'configuration_invalid'],
    ['process.host', 'configuration_invalid'],
  ]);
});

test('networks that media may be fetched from are a list or separated by commas, and none unless said', () => {
  const networks = (sources: Partial<SettingSources>) =>
    readSettings({ ...plain, ...sources }).mediaFetch.allowAddresses;

  assert.deepEqual(networks({}), []);
  assert.deepEqual(networks({ file: { mediaFetch: { allowAddresses: ['127.0.0.1/32', 'fd00::/8'] } } }), [
    '127.0.0.1/32',
    'fd00::/8',
  ]);
  assert.deepEqual(networks({ environment: { CARRIER_MEDIA_FETCH_ALLOW_ADDRESSES: '10.0.0.0/8, 127.0.0.0/8' } }), [
    '10.0.0.0/8',
    '127.0.0.0/8',
  ]);
  for (const wrong of [
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0/8',
    'fd00::/129',
    'localhost/8',
    '::1%lo/128',
    '10.0.0.0/8,',
  ]) {
    assert.deepEqual(
      problemsOf({ flags: { '--media-fetch-allow-addresses': wrong } }),
      [['--media-fetch-allow-addresses', 'configuration_invalid']],
      wrong,
    );
  }
  for (const wrong of [[], [1], [['10.0.0.0/8']], 7, true, Array.from({ length: 65 }, () => '10.0.0.0/8')]) {
    assert.deepEqual(problemsOf({ file: { mediaFetch: { allowAddresses: wrong } } }), [
      ['process.mediaFetch.allowAddresses', 'configuration_invalid'],
    ]);
  }
});

test('the zone of the process is one of the lattice, and unknown unless said', () => {
  assert.equal(readSettings(plain).zone, undefined);
  assert.equal(readSettings({ ...plain, environment: { CARRIER_ZONE: 'DE/eu-central-1' } }).zone, 'DE/eu-central-1');
  assert.deepEqual(problemsOf({ flags: { '--zone': 'Atlantis' } }), [['--zone', 'configuration_invalid']]);
});
