import pino from 'pino';
import { compactExchange, compactMessage, compactRefusal } from './compact-line.ts';
import type { ExchangeLine, RefusalLine } from './exchange-line.ts';
import { LineWriter } from './line-writer.ts';

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
  /** Writes what waits, if somebody still reads; before the process ends. */
  close(): Promise<void>;
  /** One attempt, at once; for a process that is about to break. */
  flushNow(): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes to a file descriptor, stdout unless told. `role` is `supervisor` or `worker-1`. */
export function createLog(settings: LogSettings, role: string, descriptor = 1): Log {
  const writer = new LineWriter(descriptor);
  return settings.format === 'pretty' ? prettyLog(settings, role, writer) : jsonLog(settings, role, writer);
}

function jsonLog(settings: LogSettings, role: string, writer: LineWriter): Log {
  const logger = pino({ level: settings.level, base: { role }, timestamp: pino.stdTimeFunctions.epochTime }, writer);
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
      if (shown) writer.write(wholeLine('exchange', line));
    },
    refusal: line => {
      if (shown) writer.write(wholeLine('refused', line));
    },
    close: () => writer.close(),
    flushNow: () => writer.flushNow(),
  };
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

function prettyLog(settings: LogSettings, role: string, writer: LineWriter): Log {
  const least = levels.indexOf(settings.level);
  const write = (level: string, line: () => string) => {
    if (levels.indexOf(level) >= least) writer.write(`${line()}\n`);
  };
  return {
    debug: (message, fields) => write('debug', () => compactMessage('debug', role, message, fields)),
    info: (message, fields) => write('info', () => compactMessage('info', role, message, fields)),
    warn: (message, fields) => write('warn', () => compactMessage('warn', role, message, fields)),
    error: (message, fields) => write('error', () => compactMessage('error', role, message, fields)),
    exchange: line => write('info', () => compactExchange(line)),
    refusal: line => write('info', () => compactRefusal(line)),
    close: () => writer.close(),
    flushNow: () => writer.flushNow(),
  };
}
