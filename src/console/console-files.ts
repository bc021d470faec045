import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';

/** The console as it was built: static files, kept in memory. There is nothing secret in them, and they ask nobody but this
 *  server: what is shown comes from the management API. */
export class ConsoleFiles {
  readonly #directory: string;
  #files: ReadonlyMap<string, ConsoleFile> | undefined;
  #builtAtMs = 0;

  /** `directory`: what the build wrote. It may be empty still, and be replaced while this runs. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Answers what lies at /console; undefined for any other path. */
  answer(request: Request): Response | undefined {
    const { pathname } = new URL(request.url);
    if (pathname !== basePath && !pathname.startsWith(`${basePath}/`)) return undefined;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return new Response(null, { status: 405, headers: { ...pageHeaders, allow: 'GET, HEAD' } });
    }
    if (pathname === basePath) return redirect(`${basePath}/`);
    const files = this.#current();
    const name = pathname.slice(basePath.length + 1);
    if (files === undefined && isPage(name)) return notBuilt();
    const file = files?.get(name) ?? (isPage(name) ? files?.get(indexName) : undefined);
    if (file === undefined) return new Response('Not found\n', { status: 404, headers: pageHeaders });
    return file.answer(request);
  }

  /** Read once, and again when the build has put others in their place. */
  #current(): ReadonlyMap<string, ConsoleFile> | undefined {
    const builtAtMs = modifiedMs(join(this.#directory, indexName));
    if (builtAtMs === undefined) return undefined;
    if (this.#files === undefined || builtAtMs !== this.#builtAtMs) {
      this.#files = readFiles(this.#directory);
      this.#builtAtMs = builtAtMs;
    }
    return this.#files;
  }
}

const basePath = '/console';
const indexName = 'index.html';
/** Of a build; a folder with more is not one. */
const filesMax = 1_000;
const bytesMax = 32 * 1024 * 1024;

/** Addresses of pages are plain words; what has an extension is a file that is there or not. */
function isPage(name: string): boolean {
  return /^[\w/-]*$/.test(name);
}

/** Scripts, styles and pictures of this server only, nothing inline, and no other page may frame it. Styles that a script
 *  sets on an element are not inline. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const pageHeaders = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
};

const codings = [
  { name: 'br', extension: '.br' },
  { name: 'gzip', extension: '.gz' },
] as const;

class ConsoleFile {
  readonly #bytes: Buffer;
  readonly #packed: ReadonlyMap<string, Buffer>;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #etag: string;

  constructor(name: string, bytes: Buffer, packed: ReadonlyMap<string, Buffer>) {
    this.#bytes = bytes;
    this.#packed = packed;
    this.#etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
    // The build names files in assets/ by what is in them.
    const isFixed = name.startsWith('assets/');
    this.#headers = {
      ...pageHeaders,
      'content-type': contentTypes[extname(name)] ?? 'application/octet-stream',
      'cache-control': isFixed ? 'public, max-age=31536000, immutable' : 'no-cache',
      vary: 'accept-encoding',
    };
  }

  answer(request: Request): Response {
    const { headers: asked, method } = request;
    const coding = codings.find(({ name }) => this.#packed.has(name) && takes(asked.get('accept-encoding'), name));
    // Each coding is other bytes, so another tag.
    const etag = coding === undefined ? this.#etag : `${this.#etag.slice(0, -1)}-${coding.name}"`;
    const headers: Record<string, string> = { ...this.#headers, etag };
    if (asked.get('if-none-match') === etag) return new Response(null, { status: 304, headers });
    const bytes = coding === undefined ? this.#bytes : this.#packed.get(coding.name)!; // found above
    if (coding !== undefined) headers['content-encoding'] = coding.name;
    headers['content-length'] = String(bytes.length);
    return new Response(method === 'HEAD' ? null : new Uint8Array(bytes), { headers });
  }
}

/** `br;q=0` says no. */
function takes(acceptEncoding: string | null, coding: string): boolean {
  return (acceptEncoding ?? '').split(',').some(part => {
    const [name, quality] = part.split(';');
    return name?.trim() === coding && !/^\s*q=0(?:\.0+)?\s*$/.test(quality ?? '');
  });
}

/** Throws when there are more than a build has. */
function readFiles(directory: string): ReadonlyMap<string, ConsoleFile> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.startsWith('.'))
    .map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1));
  const bytes = new Map<string, Buffer>();
  let total = 0;
  for (const name of names) {
    const content = readFileSync(join(directory, name));
    total += content.length;
    if (names.length > filesMax || total > bytesMax) throw new Error(`${directory} is no build of the console`);
    bytes.set(name, content);
  }
  const files = new Map<string, ConsoleFile>();
  for (const [name, content] of bytes) {
    if (codings.some(({ extension }) => name.endsWith(extension))) continue;
    const packed = codings.flatMap(({ name: coding, extension }) => {
      const other = bytes.get(`${name}${extension}`);
      return other === undefined ? [] : [[coding, other] as const];
    });
    files.set(name, new ConsoleFile(name, content, new Map(packed)));
  }
  return files;
}

function modifiedMs(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function redirect(location: string): Response {
  return new Response(null, { status: 308, headers: { ...pageHeaders, location } });
}

/** A checkout builds it at its first start; the page looks again by itself. */
function notBuilt(): Response {
  const page =
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">' +
    '<title>Common Carrier</title><p>The console is being built; this page looks again every two seconds. ' +
    'In a checkout <code>npm start</code> builds it.</p></html>\n';
  return new Response(page, {
    status: 503,
    headers: { ...pageHeaders, 'content-type': 'text/html; charset=utf-8', 'retry-after': '2' },
  });
}
