import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply, providerKey } from '../scenarios/support/declare-supply.ts';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { until } from '../scenarios/support/until.ts';
import { repositoryRoot } from '../support/test-groups.ts';

// The console in a real browser, over a running carrier with traffic of its own: at three sizes, light and dark.

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const skip = executablePath === undefined ? 'there is no Chromium (Debian: apt-get install chromium)' : false;
if (skip !== false) process.stdout.write(`\nNOT SHOWN: the console in a browser; ${skip}\n`);

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** Screenshots go here when it is set. */
const images = process.env['CARRIER_CONSOLE_IMAGES'];

const sizes = [
  { name: 'small', width: 375, height: 740 },
  { name: 'usual', width: 1360, height: 860 },
  { name: 'wide', width: 3840, height: 2160 },
] as const;

suite('the console', { skip }, () => {
  let emulator: Emulator;
  let carrier: Carrier;
  let browser: Browser;

  before(async () => {
    const builder: string = pathToFileURL(join(repositoryRoot, 'bin/console.js')).href;
    const { ensureConsole } = (await import(builder)) as {
      readonly ensureConsole: (root: string, runtime: string) => Promise<boolean>;
    };
    await ensureConsole(repositoryRoot, process.execPath);
    emulator = await startEmulator({ apiKeys: [providerKey] });
    carrier = await startCarrier(declareSupply({ emulatorUrl: emulator.url }));
    for (let number = 0; number < 60; number += 1) {
      const emulate: Record<string, string> = number % 12 === 0 ? { 'x-carrier-emulate': 'status=500' } : {};
      await ask(
        `Say hello, number ${number}.`,
        number % 3 === 0 ? 'anthropic/claude-sonnet-5' : 'openai/gpt-5',
        emulate,
      );
    }
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    });
  });
  after(async () => {
    await browser?.close();
    await carrier?.stop();
    await emulator?.stop();
  });

  async function ask(
    content: string,
    model: string,
    headers: Readonly<Record<string, string>> = {},
    key = acmeKey,
  ): Promise<number> {
    const response = await fetch(`${carrier.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
      body: JSON.stringify({ model, messages: [{ role: 'user', content }], max_tokens: 40 }),
    });
    await response.arrayBuffer();
    return response.status;
  }

  /** Whatever a page asks of others, or is not allowed to do, is told. */
  async function open(options: {
    readonly width: number;
    readonly height: number;
    readonly colorScheme?: 'light' | 'dark';
  }): Promise<{ context: BrowserContext; page: Page; troubles: string[] }> {
    const { width, height, colorScheme = 'light' } = options;
    const context = await browser.newContext({ viewport: { width, height }, colorScheme });
    const page = await context.newPage();
    const troubles: string[] = [];
    page.on('pageerror', error => troubles.push(`error: ${error.message}`));
    page.on('console', message => {
      // A browser tells that nobody was logged in yet.
      if (message.type() === 'error' && !message.text().includes('401')) troubles.push(`console: ${message.text()}`);
    });
    page.on('request', request => {
      if (!request.url().startsWith(carrier.url)) troubles.push(`asked elsewhere: ${request.url()}`);
    });
    return { context, page, troubles };
  }

  async function signIn(page: Page, path = '/'): Promise<void> {
    await page.goto(`${carrier.url}/console${path}`);
    await page.getByRole('textbox', { name: 'Admin key' }).fill(carrier.adminKey);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(url => !url.pathname.endsWith('/sign-in'));
    await page.locator('#content h1').waitFor();
  }

  /** WCAG 2.2 AA, as far as a program can tell. */
  async function isAccessible(page: Page): Promise<string[]> {
    // Not as a script of the page: its policy allows none but its own.
    await page.evaluate(readFileSync(axePath, 'utf8'));
    const found = await page.evaluate(
      `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })`,
    );
    const { violations } = found as {
      readonly violations: readonly {
        readonly id: string;
        readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
      }[];
    };
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)} ${nodes[0]?.failureSummary ?? ''}`,
    );
  }

  async function picture(page: Page, name: string): Promise<void> {
    if (images === undefined) return;
    mkdirSync(images, { recursive: true });
    await page.screenshot({ path: join(images, `${name}.png`) });
  }

  const pages = [
    { path: '/', shows: 'canvas', title: 'Overview' },
    { path: '/traffic', shows: 'tbody tr', title: 'Traffic' },
    { path: '/models', shows: 'tbody tr', title: 'Models' },
    { path: '/keys', shows: 'tbody tr', title: 'Keys' },
  ] as const;

  for (const { name, width, height } of sizes) {
    for (const colorScheme of ['light', 'dark'] as const) {
      test(`every page at ${width} × ${height}, ${colorScheme}: shown, accessible, no wider than the screen`, async () => {
        const { context, page, troubles } = await open({ width, height, colorScheme });
        await signIn(page);
        for (const { path, shows, title } of pages) {
          await page.goto(`${carrier.url}/console${path}`);
          await page.getByRole('heading', { level: 1, name: title }).waitFor();
          await page.locator(shows).first().waitFor();
          assert.deepEqual(await isAccessible(page), [], `${path} is accessible`);
          const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
          assert.ok(Number(overflow) <= 0, `${path} is ${overflow} wider than the screen`);
          await picture(page, `${title.toLowerCase()}-${name}-${colorScheme}`);
        }
        assert.deepEqual(troubles, []);
        await context.close();
      });
    }
  }

  test('whoever wants a page signs in first and is there then; the key and its cookie are nowhere to be read', async () => {
    const { context, page, troubles } = await open({ width: 1360, height: 860 });
    await page.goto(`${carrier.url}/console/traffic?status=settled`);
    await page.waitForURL(url => url.pathname === '/console/sign-in');
    assert.deepEqual(await isAccessible(page), []);
    await page.getByRole('textbox', { name: 'Admin key' }).fill('wrong-wrong-wrong-wrong-wrong-wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByRole('textbox', { name: 'Admin key' }).fill(carrier.adminKey);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(url => url.pathname === '/console/traffic' && url.search.includes('settled'));
    await page.locator('tbody tr').first().waitFor();

    assert.equal(await page.evaluate('document.cookie'), '');
    assert.equal(await page.evaluate('JSON.stringify({ ...localStorage, ...sessionStorage })'), '{}');
    assert.ok(!(await page.content()).includes(carrier.adminKey));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(url => url.pathname === '/console/sign-in');
    await page.goto(`${carrier.url}/console/keys`);
    await page.waitForURL(url => url.pathname === '/console/sign-in');
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test('from an exchange in the list to its attempts, its lines and back, by the keyboard', async () => {
    const { context, page, troubles } = await open({ width: 1360, height: 860 });
    await signIn(page);
    await page.keyboard.press('g');
    await page.keyboard.press('t');
    await page.waitForURL(url => url.pathname === '/console/traffic');
    await page.getByLabel('Outcome').selectOption('ok');
    await page.waitForURL(url => url.search.includes('outcome=ok'));
    const first = page.locator('tbody tr a').first();
    await first.waitFor();
    await first.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 2, name: 'Attempts' }).waitFor();
    assert.equal(await page.locator('ol > li').count(), 1);
    assert.deepEqual(await isAccessible(page), []);
    await picture(page, 'exchange-usual-light');
    const id = (await page.locator('h1 + p').textContent()) ?? '';
    assert.match(id, /^ex_/);

    await page.keyboard.press('Control+k');
    await page.keyboard.type('models');
    await page.keyboard.press('Enter');
    await page.waitForURL(url => url.pathname === '/console/models');
    await page.keyboard.press('Control+k');
    await page.keyboard.type(id);
    await page.keyboard.press('Enter');
    await page.waitForURL(url => url.pathname === `/console/traffic/${id}`);
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test('a live list shows what ends while one looks', async () => {
    const { context, page, troubles } = await open({ width: 1360, height: 860 });
    await signIn(page, '/traffic');
    await page.getByRole('button', { name: 'Live' }).click();
    await page.locator('tbody tr').first().waitFor();
    const before = await page.locator('tbody tr a').first().getAttribute('href');
    await ask('And another one.', 'openai/gpt-5', { 'x-carrier-tags': 'seen=live' });
    const first = () => page.locator('tbody tr a').first().getAttribute('href');
    await until('the list shows it', async () => ((await first()) === before ? undefined : true));
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test('a key is created, shown once, works, is given another secret and is revoked', async () => {
    const { context, page, troubles } = await open({ width: 1360, height: 860 });
    await signIn(page, '/keys');
    await page.getByRole('button', { name: 'Create a key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Project').selectOption('acme/web');
    await dialog.getByLabel('Name').fill('from-a-page');
    assert.deepEqual(await isAccessible(page), []);
    await dialog.getByRole('button', { name: 'Create' }).click();
    const secret = (await dialog.getByRole('region', { name: 'The key' }).textContent()) ?? '';
    assert.match(secret, /^cck_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}$/);
    await dialog.getByRole('button', { name: 'I have kept it' }).click();
    await page.getByRole('cell', { name: 'from-a-page', exact: true }).waitFor();
    assert.ok(!(await page.content()).includes(secret), 'a secret is not in the page once it was kept');
    assert.equal(await ask('Hello', 'openai/gpt-5', {}, secret), 200);

    await page.getByRole('button', { name: 'Rotate from-a-page' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
    const next = (await page.getByRole('dialog').getByRole('region', { name: 'The key' }).textContent()) ?? '';
    assert.notEqual(next, secret);
    await page.getByRole('button', { name: 'I have kept it' }).click();
    await page.getByRole('button', { name: 'Revoke from-a-page' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('row', { name: /from-a-page.*revoked/ }).waitFor();
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test('what the server says no to is shown with what to do, and tried again', async () => {
    const { context, page } = await open({ width: 1360, height: 860 });
    await signIn(page);
    await page.route('**/api/v1/keys?*', route =>
      route.fulfill({ status: 503, body: 'busy', contentType: 'text/plain' }),
    );
    await page.goto(`${carrier.url}/console/keys`);
    await page.getByRole('alert').waitFor({ timeout: 20_000 });
    await page.unroute('**/api/v1/keys?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('tbody tr').first().waitFor();
    await context.close();
  });

  test('a first load is at most 250 kB of script, packed', () => {
    const dist = join(repositoryRoot, 'console/dist');
    const index = readFileSync(join(dist, 'index.html'), 'utf8');
    const scripts = [...index.matchAll(/assets\/[\w.-]+\.js/g)].map(([name]) => name);
    const bytes = [...new Set(scripts)].reduce((sum, name) => sum + statSync(join(dist, `${name}.br`)).size, 0);
    assert.ok(scripts.length > 0 && bytes < 250_000, `${bytes} bytes`);
  });
});
