import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { type CommandEnding, runCommand } from '../e2e/running_command.ts';
import { stores, type TestStore } from '../e2e/stores.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type S3Proxy, startS3Proxy } from './s3_proxy.ts';
import { bucket, python, type S3Server, startS3 } from './s3_server.ts';

const postgresql = stores.find(({ kind }) => kind === 'postgresql');

/** Whether there is what several machines share. */
export const isThere = python !== undefined && postgresql?.skipped === false;

/** What several machines share: a PostgreSQL database and an object store, which may have bad days. */
export interface Site {
  s3: S3Server;
  proxy: S3Proxy;
  /** What the servers of all machines are told. */
  settings: Record<string, string>;
  databaseUrl: string;
  machine(): Machine;
  close(): Promise<void>;
}

/** A directory that no other machine sees, and processes on it. */
export interface Machine {
  scratch: Scratch;
  start(more?: Record<string, string>): ReturnType<typeof startServer>;
  command(given: readonly string[], more?: Record<string, string>): Promise<CommandEnding>;
  /** A model that has the bytes of no other. */
  ownModel(name: string): string;
}

export async function openSite(prefix: string): Promise<Site> {
  if (postgresql === undefined) throw new Error('there is no PostgreSQL');
  const s3 = await startS3(temporaryDirectory());
  const proxy = await startS3Proxy(s3.address);
  const store: TestStore = await postgresql.open();
  const settings = {
    ...store.settings,
    MODELYARD_ARTIFACTS: `s3://${bucket}/${prefix}`,
    AWS_ENDPOINT_URL_S3: proxy.address,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    MODELYARD_ENGINE_THREADS: '1',
  };
  const scratches: Scratch[] = [];
  return {
    s3,
    proxy,
    settings,
    databaseUrl: store.databaseUrl ?? '',
    machine() {
      const scratch = scratchDirectory();
      scratches.push(scratch);
      return {
        scratch,
        start: (more = {}) => startServer({ directory: scratch.path, settings: { ...settings, ...more } }),
        command: (given, more = {}) =>
          runCommand(given, { directory: scratch.path, settings: { ...settings, ...more } }),
        ownModel: (name) => uniqueModel(join(scratch.path, `${name}.onnx`), name),
      };
    },
    async close() {
      await store.drop();
      await proxy.close();
      await s3.close();
      for (const scratch of scratches) scratch.remove();
    },
  };
}

/** The linear model with a description of its own: field 6 of an ONNX model, behind all others. */
function uniqueModel(file: string, text: string): string {
  const description = Buffer.from(text);
  if (description.length > 127) throw new Error('too long for a length of one byte');
  const field = Buffer.concat([Buffer.from([0x32, description.length]), description]);
  writeFileSync(file, Buffer.concat([readFileSync(testModel('linear_float32')), field]));
  return file;
}
