import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { ObjectStoreSettings } from '../../src/storage/object_store_settings.ts';
import { until } from '../e2e/until.ts';
import { freePort } from '../free_port.ts';

/** A Python with moto, whose server speaks S3; the tests of object stores need one. */
export const python = process.env.MODELYARD_TEST_S3_PYTHON;

export const bucket = 'models';
const keys = { accessKeyId: 'test', secretAccessKey: 'test', sessionToken: undefined };

export interface S3Server {
  address: string;
  client: S3Client;
  /** For a prefix of the one bucket, reached directly or at another address. */
  settings(prefix: string, endpoint?: string): ObjectStoreSettings;
  close(): Promise<void>;
}

/** A real S3 server of its own, which keeps what it is given as long as it runs. */
export async function startS3(directory: string): Promise<S3Server> {
  if (python === undefined) throw new Error('MODELYARD_TEST_S3_PYTHON is not set');
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const logFile = join(directory, 's3.log');
  const log = openSync(logFile, 'a');
  const child: ChildProcess = spawn(
    python,
    ['-m', 'moto.server', '--host', '127.0.0.1', '--port', String(port)],
    { stdio: ['ignore', log, log], env: { PATH: process.env.PATH, HOME: directory } },
  );
  closeSync(log);
  await until(
    'the S3 server answers',
    async () => {
      if (child.exitCode !== null) throw new Error(`It ended: ${readFileSync(logFile, 'utf8')}`);
      return (await fetch(address).catch(() => undefined))?.ok === true;
    },
    60_000,
  );
  const client = new S3Client({
    endpoint: address,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: keys.accessKeyId, secretAccessKey: keys.secretAccessKey },
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    address,
    client,
    settings: (prefix, endpoint = address) => ({
      bucket,
      prefix: prefix === '' ? '' : `${prefix}/`,
      endpoint,
      region: undefined,
      credentials: keys,
    }),
    close() {
      client.destroy();
      const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
      child.kill('SIGKILL');
      return ended;
    },
  };
}
