import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { isAbsent, isTaken, objectStoreError } from './object_store_error.ts';
import { addressOf, type ObjectStoreSettings } from './object_store_settings.ts';

interface StoredObject {
  /** Without the prefix of the store. */
  key: string;
  bytes: number;
  /** When it was stored, milliseconds since 1970. */
  at: number;
}

/** An upload in parts that was begun and not ended. */
export interface UnfinishedUpload {
  key: string;
  uploadId: string;
  /** When it was begun, milliseconds since 1970. */
  at: number;
}

/** The objects of one bucket below one prefix. All throw STORAGE_UNAVAILABLE, with what the store said. */
export interface ObjectStore {
  /** `s3://bucket/prefix` */
  address: string;
  /** Stores a file, in parts where it is large: the object is there when all of it is, or not at all. */
  upload(key: string, file: string, bytes: number, signal?: AbortSignal): Promise<void>;
  /** @returns undefined where there is no such object */
  sizeOf(key: string): Promise<number | undefined>;
  /** The bytes from a position on; undefined where there is no such object. */
  read(key: string, from: number): Promise<{ bytes: number; content: AsyncIterable<Buffer> } | undefined>;
  /** @returns undefined where there is no such object */
  readText(key: string): Promise<string | undefined>;
  /** Stores a text unless there is an object of that name. */
  writeNewText(key: string, text: string): Promise<void>;
  list(folder: string): AsyncIterable<StoredObject>;
  remove(key: string): Promise<void>;
  unfinished(folder: string): AsyncIterable<UnfinishedUpload>;
  abandon(upload: Pick<UnfinishedUpload, 'key' | 'uploadId'>): Promise<void>;
  close(): void;
}

/** A busy store (503 SlowDown) or a broken connection is tried again so often, with growing pauses. */
const attempts = 4;
const connectingMs = 5_000;
/** A connection on which nothing comes for so long is given up, milliseconds. */
const silenceMs = 15_000;
/** Requests without a body take no longer altogether, for some hold a transaction of the database, milliseconds. */
const briefMs = 10_000;
const partBytes = 16_000_000;
/** S3's own limit is 10 000. */
const maxParts = 9_000;

export function openObjectStore(settings: ObjectStoreSettings): ObjectStore {
  // Of what it says of Node's versions nothing is of concern to those who run a server: the client comes with it.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const { bucket, prefix, endpoint } = settings;
  // Stores that are not AWS's have no regions to speak of, and names of buckets in no name server.
  const region = settings.region ?? (endpoint === undefined ? undefined : 'us-east-1');
  const client = new S3Client({
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(region !== undefined && { region }),
    ...(settings.credentials !== undefined && { credentials: identityOf(settings.credentials) }),
    maxAttempts: attempts,
    requestHandler: { connectionTimeout: connectingMs, socketTimeout: silenceMs },
    // The artifact's own SHA-256 is checked whenever it is read; not every store knows AWS's later checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const address = addressOf(settings);
  const at = (key: string) => ({ Bucket: bucket, Key: `${prefix}${key}` });
  const brief = () => ({ abortSignal: AbortSignal.timeout(briefMs) });
  const told = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      throw objectStoreError(error, address);
    }
  };
  const unlessAbsent = <T>(asked: Promise<T>): Promise<T | undefined> =>
    told(
      asked.catch((error: unknown) => {
        if (isAbsent(error)) return undefined;
        throw error;
      }),
    );

  return {
    address,

    async upload(key, file, bytes, signal) {
      const body = createReadStream(file, { highWaterMark: 1 << 20 });
      const upload = new Upload({
        client,
        params: { ...at(key), Body: body, ContentType: 'application/octet-stream' },
        partSize: Math.max(partBytes, Math.ceil(bytes / maxParts)),
        queueSize: 2,
      });
      const stop = () => void upload.abort();
      signal?.addEventListener('abort', stop);
      try {
        if (signal?.aborted) stop();
        await told(upload.done());
      } finally {
        signal?.removeEventListener('abort', stop);
        body.destroy();
      }
    },

    async sizeOf(key) {
      const found = await unlessAbsent(client.send(new HeadObjectCommand(at(key)), brief()));
      return found?.ContentLength;
    },

    async read(key, from) {
      const range = from === 0 ? {} : { Range: `bytes=${from}-` };
      const found = await unlessAbsent(client.send(new GetObjectCommand({ ...at(key), ...range })));
      if (found?.Body === undefined) return undefined;
      const { Body: body, ContentLength: bytes = 0 } = found;
      if (!(body instanceof Readable)) throw new Error('The answer of the object store is no stream.');
      return { bytes, content: toldOf(body, address) };
    },

    async readText(key) {
      const found = await unlessAbsent(client.send(new GetObjectCommand(at(key)), brief()));
      return found?.Body === undefined ? undefined : told(found.Body.transformToString());
    },

    async writeNewText(key, text) {
      const put = new PutObjectCommand({ ...at(key), Body: text, IfNoneMatch: '*' });
      await told(
        client.send(put, brief()).catch((error: unknown) => {
          if (!isTaken(error)) throw error;
        }),
      );
    },

    async *list(folder) {
      for (let next: string | undefined; ; ) {
        const page = await told(
          client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: `${prefix}${folder}`,
              ...(next !== undefined && { ContinuationToken: next }),
            }),
            brief(),
          ),
        );
        for (const { Key: key, Size: bytes = 0, LastModified: date } of page.Contents ?? [])
          if (key !== undefined) yield { key: key.slice(prefix.length), bytes, at: date?.getTime() ?? 0 };
        next = page.NextContinuationToken;
        if (page.IsTruncated !== true || next === undefined) return;
      }
    },

    async remove(key) {
      await told(client.send(new DeleteObjectCommand(at(key)), brief()));
    },

    async *unfinished(folder) {
      for (let next: { KeyMarker: string; UploadIdMarker: string } | undefined; ; ) {
        const page: ListMultipartUploadsCommandOutput = await told(
          client.send(
            new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: `${prefix}${folder}`, ...next }),
            brief(),
          ),
        );
        for (const { Key: key, UploadId: uploadId, Initiated: date } of page.Uploads ?? [])
          if (key !== undefined && uploadId !== undefined)
            yield { key: key.slice(prefix.length), uploadId, at: date?.getTime() ?? 0 };
        const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
        if (IsTruncated !== true || KeyMarker === undefined || UploadIdMarker === undefined) return;
        next = { KeyMarker, UploadIdMarker };
      }
    },

    async abandon({ key, uploadId }) {
      await unlessAbsent(
        client.send(new AbortMultipartUploadCommand({ ...at(key), UploadId: uploadId }), brief()),
      );
    },

    close: () => client.destroy(),
  };
}

function identityOf({
  accessKeyId,
  secretAccessKey,
  sessionToken,
}: NonNullable<ObjectStoreSettings['credentials']>) {
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}

/** What breaks while the bytes come is told as the rest is. */
async function* toldOf(body: Readable, address: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body) if (Buffer.isBuffer(chunk)) yield chunk;
  } catch (error) {
    throw objectStoreError(error, address);
  }
}
