import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger as WinstonLogger } from 'winston';
import { readableStack } from './readable_stack.ts';
import { redactMembers, redactText } from './redact.ts';

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

/** How long a log file that could not be written is let be, milliseconds. */
const retryMs = 30_000;

/** How many processes' log files are kept; each is at most 2 × 5 MB. */
const keptFiles = 20;

/** winston is loaded with the first line that is logged: it would double the time to the first answer. */
export function createLogger(options: { directory: string; level: Level }): Logger {
  let winston: Promise<WinstonLogger> | undefined;
  const log = (level: Level, message: string, fields: Fields = {}) => {
    if (levels.indexOf(level) > levels.indexOf(options.level)) return;
    winston ??= openWinston(join(options.directory, 'logs'), options.level);
    const [text, members] = [redactText(message), redactMembers(describeErrors(fields))];
    void winston.then((opened) => opened.log(level, text, members));
  };
  return {
    error: (message, fields) => log('error', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    info: (message, fields) => log('info', message, fields),
    debug: (message, fields) => log('debug', message, fields),
    close: async () => {
      const opened = await winston;
      if (opened === undefined) return;
      // A file that could not be opened never finishes.
      const ended = new Promise<void>((resolve) => {
        opened.once('finish', () => resolve()).once('error', () => resolve());
      });
      opened.end();
      await ended;
    },
  };
}

async function openWinston(folder: string, level: Level): Promise<WinstonLogger> {
  const {
    default: { createLogger: create, format, transports },
  } = await import('winston');
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
    ],
  });
  const addFile = () => {
    if (!isWritable(folder)) return;
    logger.add(
      new transports.File({
        dirname: folder,
        filename: `${started}-${process.pid}.log`,
        maxsize: 5_000_000,
        maxFiles: 2,
        tailable: true,
        options: { flags: 'a', mode: 0o600 },
      }),
    );
  };
  // A log that cannot be written must not stop what it tells of; it is tried again when there may be room.
  logger.on('error', (_: unknown, transport: WinstonLogger['transports'][number]) => {
    logger.remove(transport);
    setTimeout(addFile, retryMs).unref();
  });
  addFile();
  return logger;
}

/** Makes the folder and room in it. */
function isWritable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
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
        ? {
            message: value.message,
            stack: value.stack && readableStack(value.stack),
            cause: readableStack(String(value.cause ?? '')),
          }
        : value,
    ]),
  );
}
