import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateMultipartUploadCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ModelYardError } from '../../src/errors.ts';
import { type Artifact, damagedArtifact, hashOf } from '../../src/storage/artifact.ts';
import { artifactCache } from '../../src/storage/artifact_cache.ts';
import { openObjectStore } from '../../src/storage/object_store.ts';
import { remoteArtifacts } from '../../src/storage/remote_artifacts.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type S3Proxy, startS3Proxy } from './s3_proxy.ts';
import { bucket, python, type S3Server, startS3 } from './s3_server.ts';

let s3: S3Server;
let proxy: S3Proxy;
beforeAll(async () => {
  if (python === undefined) return;
  s3 = await startS3(temporaryDirectory());
  proxy = await startS3Proxy(s3.address);
});
afterAll(async () => {
  await proxy?.close();
  await s3?.close();
});

beforeEach(() => proxy?.use({ kind: 'pass' }));

const closing: (() => void)[] = [];
afterAll(() => {
  for (const close of closing) close();
});

/** A machine with a folder of its own; several with the same prefix and id are machines of one store. */
function machine({
  prefix = randomUUID(),
  storeId = 'one',
  maxBytes = 100_000_000,
  cacheBytes = 100_000_000,
  elsewhere = undefined as ModelYardError | undefined,
} = {}) {
  const directory = temporaryDirectory();
  const artifacts = remoteArtifacts({
    objects: openObjectStore(s3.settings(prefix, proxy.address)),
    cache: artifactCache(directory, cacheBytes),
    directory,
    maxBytes,
    storeId: async () => storeId,
    elsewhere: async () => elsewhere,
  });
  closing.push(artifacts.close);
  const fileOf = (content: Buffer) => {
    const file = join(directory, `${randomUUID()}.onnx`);
    writeFileSync(file, content);
    return file;
  };
  const cached = () => readdirSync(join(directory, 'artifact_cache')).sort();
  /** Reads an artifact as a host does. */
  const load = (artifact: Artifact) =>
    artifacts.withFile(artifact, async (path) => {
      if ((await hashOf(path)) !== artifact.sha256) throw damagedArtifact(artifact.sha256, false);
      return readFileSync(path);
    });
  return { prefix, directory, artifacts, fileOf, cached, load };
}

const artifactOf = (content: Buffer): Artifact => ({
  sha256: createHash('sha256').update(content).digest('hex'),
  bytes: content.length,
});
const put = (prefix: string, { sha256 }: Artifact, content: Buffer) =>
  s3.client.send(
    new PutObjectCommand({ Bucket: bucket, Key: `${prefix}/artifacts/${sha256}.onnx`, Body: content }),
  );
const listed = async (artifacts: ReturnType<typeof machine>['artifacts']) => {
  const found: Artifact[] = [];
  for await (const { sha256, bytes } of artifacts.list()) found.push({ sha256, bytes });
  return found;
};

describe.skipIf(python === undefined)('artifacts in an object store', () => {
  test('what one machine adds, another of the store has, and keeps a copy that it need not fetch again', async () => {
    const one = machine();
    const other = machine({ prefix: one.prefix });
    const content = randomBytes(1_000_000);
    const artifact = await one.artifacts.add(one.fileOf(content));
    expect(artifact).toEqual(artifactOf(content));
    expect(readdirSync(join(one.directory, 'incoming'))).toEqual([]);
    expect(await other.artifacts.isPresent(artifact)).toBe(true);
    expect(await other.artifacts.sizeOf(artifact.sha256)).toBe(artifact.bytes);
    await other.artifacts.verify(artifact);
    expect((await other.load(artifact)).equals(content)).toBe(true);
    expect(other.cached()).toEqual([`${artifact.sha256}.onnx`]);
    if (process.platform !== 'win32')
      expect(statSync(join(other.directory, 'artifact_cache', `${artifact.sha256}.onnx`)).mode & 0o777).toBe(
        0o600,
      );
    proxy.use({ kind: 'down' });
    expect((await other.load(artifact)).equals(content)).toBe(true);
    expect(proxy.calls).toEqual([]);
    proxy.use({ kind: 'pass' });
    expect(await listed(other.artifacts)).toEqual([artifact]);
    await other.artifacts.discard(artifact);
    expect(await listed(one.artifacts)).toEqual([]);
    expect(other.cached()).toEqual([]);
  });

  test('a file larger than a part goes up in parts and is one object; all who wait for it share one download', async () => {
    const one = machine();
    const content = randomBytes(40_000_000);
    proxy.use({ kind: 'pass' });
    const artifact = await one.artifacts.add(one.fileOf(content));
    expect(proxy.calls.filter((call) => /^PUT .*partNumber=/i.test(call))).toHaveLength(3);
    const other = machine({ prefix: one.prefix });
    proxy.use({ kind: 'pass' });
    const loaded = await Promise.all([1, 2, 3].map(() => other.load(artifact)));
    expect(loaded.every((bytes) => bytes.equals(content))).toBe(true);
    expect(proxy.calls.filter((call) => call.startsWith('GET') && call.includes('.onnx'))).toHaveLength(1);
    expect(other.artifacts.isFetching(artifact.sha256)).toBe(false);
  });

  test('a store that is busy, and a connection that breaks in the middle, cost time and no error', async () => {
    const one = machine();
    const content = randomBytes(3_000_000);
    await one.artifacts.remote.check();
    proxy.use({ kind: 'busy', times: 2 });
    const artifact = await one.artifacts.add(one.fileOf(content));
    expect(proxy.calls.length).toBeGreaterThan(2);
    const other = machine({ prefix: one.prefix });
    proxy.use({ kind: 'cut', times: 3 }, ({ method }) => method === 'GET');
    expect((await other.load(artifact)).equals(content)).toBe(true);
    expect(proxy.calls.filter((call) => call.startsWith('GET'))).toHaveLength(4);
    proxy.use({ kind: 'pass' });
  });

  test.each([
    ['down', /does not answer/],
    ['denied', /refuses this server \((InvalidAccessKeyId|403)\)/],
  ] as const)('a store that is %s is unavailable, which may pass', async (kind, message) => {
    const one = machine();
    const artifact = await one.artifacts.add(one.fileOf(randomBytes(1000)));
    const other = machine({ prefix: one.prefix });
    proxy.use({ kind });
    const unavailable = {
      code: 'STORAGE_UNAVAILABLE',
      retryable: true,
      message: expect.stringMatching(message),
    };
    await expect(other.load(artifact)).rejects.toMatchObject(unavailable);
    await expect(other.artifacts.add(other.fileOf(randomBytes(10)))).rejects.toMatchObject(unavailable);
    await expect(one.artifacts.verify(artifact)).rejects.toMatchObject(unavailable);
    await expect(one.artifacts.isPresent(artifact)).rejects.toMatchObject(unavailable);
    await expect(one.artifacts.discard(artifact)).rejects.toMatchObject(unavailable);
    await expect(listed(one.artifacts)).rejects.toMatchObject(unavailable);
    expect(readdirSync(join(other.directory, 'incoming'))).toEqual([]);
    proxy.use({ kind: 'pass' });
    expect(await other.load(artifact)).toHaveLength(1000);
  });

  test('a bucket that does not exist is told by name', async () => {
    const objects = openObjectStore({ ...s3.settings('p'), bucket: 'nowhere' });
    closing.push(objects.close);
    await expect(objects.readText('store_id')).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: 'The object store s3://nowhere/p/ has no such bucket.',
    });
  });

  test('damage there is damage; a damaged copy here is fetched anew; adding the file again mends it', async () => {
    const one = machine();
    const content = randomBytes(10_000);
    const file = one.fileOf(content);
    const artifact = await one.artifacts.add(file);
    const copy = join(one.directory, 'artifact_cache', `${artifact.sha256}.onnx`);
    writeFileSync(copy, Buffer.alloc(10_000));
    expect((await one.load(artifact)).equals(content)).toBe(true);
    expect(readFileSync(copy).equals(content)).toBe(true);
    writeFileSync(copy, 'short');
    expect((await one.load(artifact)).equals(content)).toBe(true);

    const other = machine({ prefix: one.prefix });
    await put(one.prefix, artifact, Buffer.alloc(10_000));
    const damaged = { code: 'ARTIFACT_MISMATCH', message: expect.stringContaining('damaged') };
    await expect(other.load(artifact)).rejects.toMatchObject(damaged);
    await expect(other.artifacts.verify(artifact)).rejects.toMatchObject(damaged);
    await put(one.prefix, artifact, Buffer.alloc(9_000));
    await expect(other.load(artifact)).rejects.toMatchObject(damaged);
    expect(await other.artifacts.isPresent(artifact)).toBe(false);
    await one.artifacts.add(file);
    expect((await other.load(artifact)).equals(content)).toBe(true);
  });

  test('what is not there is missing, unless another machine keeps artifacts elsewhere', async () => {
    const absent = artifactOf(randomBytes(100));
    const { artifacts, load } = machine();
    await expect(load(absent)).rejects.toMatchObject({
      code: 'ARTIFACT_MISMATCH',
      message: expect.stringContaining('missing'),
    });
    expect(await artifacts.sizeOf(absent.sha256)).toBeUndefined();
    const away = new ModelYardError('STORAGE_UNAVAILABLE', 'It is in another folder.', 'Upload it.');
    await expect(machine({ elsewhere: away }).load(absent)).rejects.toBe(away);
  });

  test('limits, an empty file, wrong bytes and a call that was taken back leave nothing anywhere', async () => {
    const one = machine({ maxBytes: 1_000_000 });
    await expect(one.artifacts.add(one.fileOf(randomBytes(1_000_001)))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    await expect(one.artifacts.add(one.fileOf(Buffer.alloc(0)))).rejects.toMatchObject({
      code: 'ARTIFACT_INVALID',
    });
    const other = artifactOf(Buffer.from('other'));
    const wrong = async function* () {
      yield Buffer.from('wrong');
    };
    await expect(one.artifacts.receive(other, wrong())).rejects.toMatchObject({ code: 'ARTIFACT_MISMATCH' });
    await one.artifacts.remote.check();
    const large = machine({ prefix: one.prefix });
    const taking = new AbortController();
    proxy.use({ kind: 'held' }, ({ method, path }) => {
      const isPart = method === 'PUT' && path.includes('partNumber');
      if (isPart) setImmediate(() => taking.abort());
      return isPart;
    });
    await expect(
      large.artifacts.add(large.fileOf(randomBytes(40_000_000)), taking.signal),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
    proxy.use({ kind: 'pass' });
    expect(await listed(one.artifacts)).toEqual([]);
    expect(readdirSync(join(large.directory, 'incoming'))).toEqual([]);
    expect(existsSync(join(large.directory, 'artifact_cache'))).toBe(false);
  });

  test("a prefix is one store's: another that is given it touches nothing there", async () => {
    const one = machine({ storeId: 'one' });
    const artifact = await one.artifacts.add(one.fileOf(randomBytes(10)));
    const other = machine({ prefix: one.prefix, storeId: 'other' });
    const foreign = { code: 'STORAGE_UNAVAILABLE', message: expect.stringContaining('another store (one)') };
    await expect(other.artifacts.remote.check()).rejects.toMatchObject(foreign);
    await expect(other.artifacts.add(other.fileOf(randomBytes(10)))).rejects.toMatchObject(foreign);
    await expect(other.artifacts.discard(artifact)).rejects.toMatchObject(foreign);
    expect(await listed(one.artifacts)).toEqual([artifact]);
    const { Contents: objects } = await s3.client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: `${one.prefix}/` }),
    );
    expect(objects?.map(({ Key }) => Key)).toContain(`${one.prefix}/store_id`);
  });

  test('of several that take a new prefix at once one wins, and all know which', async () => {
    const prefix = randomUUID();
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((storeId) => machine({ prefix, storeId }).artifacts.remote.check()),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('an upload in parts that nobody ended is found and can be ended', async () => {
    const { artifacts, prefix } = machine();
    const key = `artifacts/${'a'.repeat(64)}.onnx`;
    await s3.client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: `${prefix}/${key}` }));
    const uploads = async () => {
      const found = [];
      for await (const upload of artifacts.remote.unfinished()) found.push(upload);
      return found;
    };
    const [upload, ...others] = await uploads();
    expect(others).toEqual([]);
    expect(upload).toMatchObject({ key });
    expect(await listed(artifacts)).toEqual([]);
    if (upload !== undefined) await artifacts.remote.abandon(upload);
    expect(await uploads()).toEqual([]);
  });

  test('the copies of this machine are bounded: what was used least recently goes, never what is in use', async () => {
    const one = machine();
    const { directory, artifacts, load, cached } = machine({ prefix: one.prefix, cacheBytes: 25_000 });
    const added = [];
    for (let i = 0; i < 4; i++) added.push(await one.artifacts.add(one.fileOf(randomBytes(10_000))));
    const [a, b, c, d] = added;
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four');
    const used = (artifact: Artifact, secondsAgo: number) => {
      const at = new Date(Date.now() - secondsAgo * 1000);
      utimesSync(join(directory, 'artifact_cache', `${artifact.sha256}.onnx`), at, at);
    };
    await load(a);
    await load(b);
    used(a, 1000);
    used(b, 2000);
    await load(c);
    expect(cached()).toEqual([a, c].map(({ sha256 }) => `${sha256}.onnx`).sort());
    used(a, 1000);
    used(c, 2000);
    // In use it is as if it had just been fetched, by whatever process.
    await artifacts.withFile(a, async (path) => {
      await load(d);
      expect(existsSync(path)).toBe(true);
    });
    expect(cached()).toEqual([a, d].map(({ sha256 }) => `${sha256}.onnx`).sort());
    expect(await load(b)).toHaveLength(10_000);
  });
});
