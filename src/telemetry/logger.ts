import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Logger as WinstonLogger } from 'winston';
import { redactMembers, redactText } from '../access/redact.ts';

type Fields = Record<string, unknown>;

/** Log lines go to standard error (warnings and errors) and to a rotating file; never to standard output. */
export interface Logger {
  error(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  debug(message: string, fields?: Fields): void;
  /** Writes out what is buffered and closes the file. */
  close(): Promise<void>;
}

const levels = ['error', 'warn', 'info', 'debug'] as const;
type Level = (typeof levels)[number];

/** How many processes' log files are kept; each is at most 2 × 5 MB. */
const keptFiles = 20;

/** winston is loaded with the first line that is logged: it would double the time to the first answer. */
export function createLogger(options: { directory: string; level: Level }): Logger {
  let winston: WinstonLogger | undefined;
  const log = (level: Level, message: string, fields: Fields = {}) => {
    if (levels.indexOf(level) > levels.indexOf(options.level)) return;
    winston ??= openWinston(join(options.directory, 'logs'), options.level);
    winston.log(level, redactText(message), redactMembers(describeErrors(fields)));
  };
  return {
    error: (message, fields) => log('error', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    info: (message, fields) => log('info', message, fields),
    debug: (message, fields) => log('debug', message, fields),
    close: () =>
      new Promise((resolve) => {
        if (winston === undefined) return resolve();
        // A file that could not be opened never finishes.
        winston.once('finish', () => resolve()).once('error', () => resolve());
        winston.end();
      }),
  };
}

function openWinston(folder: string, level: Level): WinstonLogger {
  const require = createRequire(import.meta.url);
  const { createLogger: create, format, transports }: typeof import('winston') = require('winston');
  const started = new Date().toISOString().replace(/[:.]/g, '-');
  const logger = create({
    level,
    format: format.combine(format.timestamp(), format.json()),
    transports: [
      new transports.Stream({
        stream: process.stderr,
        level: level === 'debug' ? 'debug' : 'warn',
        format: format.printf(({ level: lineLevel, message, timestamp: _, ...fields }) => {
          const rest = Object.keys(fields).length > 0 ? ` ${JSON.stringify(fields)}` : '';
          return `modelyard ${lineLevel}: ${String(message)}${rest}`;
        }),
      }),
      ...(isWritable(folder)
        ? [
            new transports.File({
              dirname: folder,
              filename: `${started}-${process.pid}.log`,
              maxsize: 5_000_000,
              maxFiles: 2,
              tailable: true,
            }),
          ]
        : []),
    ],
  });
  // A log that cannot be written must not stop what it tells of.
  return logger.on('error', (_: unknown, transport: WinstonLogger['transports'][number]) => {
    logger.remove(transport);
  });
}

/** Makes the folder and room in it. */
function isWritable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    removeOldFiles(folder);
    return true;
  } catch {
    return false;
  }
}

function removeOldFiles(folder: string): void {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort();
  for (const name of files.slice(0, Math.max(0, files.length - keptFiles)))
    rmSync(join(folder, name), { force: true });
}

/** Errors as text with their cause: JSON would show them empty. */
function describeErrors(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error
        ? { message: value.message, stack: value.stack, cause: String(value.cause ?? '') }
        : value,
    ]),
  );
}
