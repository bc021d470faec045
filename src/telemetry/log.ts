import pino from 'pino';
import { compactExchange, compactMessage, compactRefusal } from './compact-line.ts';
import type { ExchangeLine, RefusalLine } from './exchange-line.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogSettings {
  readonly level: string;
  /** json: one object a line. pretty: short lines for a person at a terminal. */
  readonly format: 'json' | 'pretty';
}

/** The log of one process. Fields are short and safe to show: ids, names, numbers. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  exchange(line: ExchangeLine): void;
  refusal(line: RefusalLine): void;
  /** Writes what is buffered; before the process ends. */
  flush(): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Bytes that may wait in memory before a write. Lines are also written every flushIntervalMs. */
const bufferBytesMin = 4_096;
const flushIntervalMs = 200;
/** A reader of the log that is slower than this makes lines be dropped, never the exchange wait. */
const bufferBytesMax = 16 * 1024 * 1024;

/** Writes to a file descriptor, 1 unless told. `role` is `supervisor` or `worker-1`. */
export function createLog(settings: LogSettings, role: string, descriptor: number | string = 1): Log {
  const pretty = settings.format === 'pretty';
  const destination = pino.destination({
    dest: descriptor,
    sync: false,
    minLength: pretty ? 0 : bufferBytesMin,
    maxLength: bufferBytesMax,
  });
  const flushTimer = setInterval(() => destination.flush(), flushIntervalMs);
  flushTimer.unref();
  // Nobody reads any more: a closed terminal or pipe must not end a process that serves.
  destination.on('error', () => {});
  const flush = () => {
    try {
      destination.flushSync();
    } catch {
      // Not open yet, or closed by its reader: there is nothing to save the lines to.
    }
  };
  return pretty ? prettyLog(settings, role, destination, flush) : jsonLog(settings, role, destination, flush);
}

function jsonLog(settings: LogSettings, role: string, destination: pino.DestinationStream, flush: () => void): Log {
  const logger = pino(
    { level: settings.level, base: { role }, timestamp: pino.stdTimeFunctions.epochTime },
    destination,
  );
  const shown = logger.isLevelEnabled('info');
  const head = `{"level":30,"role":${JSON.stringify(role)},"time":`;
  // pino writes key by key; for the one line that every exchange has, stringifying it whole takes a third of the time.
  const wholeLine = (message: string, line: ExchangeLine | RefusalLine) =>
    `${head}${Date.now()},"msg":"${message}",${JSON.stringify(line).slice(1)}\n`;
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    exchange: line => {
      if (shown) destination.write(wholeLine('exchange', line));
    },
    refusal: line => {
      if (shown) destination.write(wholeLine('refused', line));
    },
    flush,
  };
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

function prettyLog(settings: LogSettings, role: string, destination: pino.DestinationStream, flush: () => void): Log {
  const least = levels.indexOf(settings.level);
  const write = (level: string, line: () => string) => {
    if (levels.indexOf(level) >= least) destination.write(`${line()}\n`);
  };
  return {
    debug: (message, fields) => write('debug', () => compactMessage('debug', role, message, fields)),
    info: (message, fields) => write('info', () => compactMessage('info', role, message, fields)),
    warn: (message, fields) => write('warn', () => compactMessage('warn', role, message, fields)),
    error: (message, fields) => write('error', () => compactMessage('error', role, message, fields)),
    exchange: line => write('info', () => compactExchange(line)),
    refusal: line => write('info', () => compactRefusal(line)),
    flush,
  };
}
