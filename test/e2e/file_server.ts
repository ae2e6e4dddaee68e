import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { startServer, type TestServer } from './client.ts';
import { nbaFile, scratchDirectory, testModel } from './environment.ts';

/** A server and the directory in which its predict_file reads and writes; `outside` is beside it, not allowed. */
export interface FileServer {
  server: TestServer;
  folder: string;
  outside: string;
  /** Where the servers keep their state. */
  registry: string;
  inFolder(name: string): string;
  /** Writes a file into the directory and gives its path. */
  write(name: string, text: string | Buffer): string;
  /** The files in the directory that are not whole. */
  unfinished(): string[];
  /** Another server on the same registry and files. */
  startAnother(settings?: Record<string, string>): Promise<TestServer>;
  /** Deploys a test model as version 1 of a model of its name. */
  deploy(...models: string[]): Promise<void>;
  close(): Promise<void>;
}

export async function startFileServer(): Promise<FileServer> {
  const scratch = scratchDirectory();
  const folder = join(scratch.path, 'files');
  const outside = join(scratch.path, 'outside');
  mkdirSync(folder);
  mkdirSync(outside);
  const roots = [folder, join(nbaFile('season.csv'), '..'), join(testModel('linear_float32'), '..')];
  const start = (settings: Record<string, string> = {}) =>
    startServer({
      directory: scratch.path,
      settings: { MODELYARD_ALLOWED_ROOTS: roots.join(delimiter), ...settings },
    });
  const server = await start();
  const inFolder = (name: string) => join(folder, name);
  return {
    server,
    folder,
    outside,
    registry: join(scratch.path, 'registry'),
    inFolder,
    write(name, text) {
      writeFileSync(inFolder(name), text);
      return inFolder(name);
    },
    unfinished: () => readdirSync(folder).filter((name) => name.includes('.modelyard-partial~')),
    startAnother: start,
    async deploy(...models) {
      for (const model of models)
        await server.call('deploy_model', { model_id: model, version: '1', source: testModel(model) });
    },
    async close() {
      await server.close();
      scratch.remove();
    },
  };
}

const cells = z.array(z.record(z.string(), z.string()));

/** The rows of a CSV file by its header. */
export function csvRows(path: string): Record<string, string>[] {
  return cells.parse(parse(readFileSync(path), { columns: true }));
}
