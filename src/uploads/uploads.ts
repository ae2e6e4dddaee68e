import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { uuidv7 } from 'uuidv7';
import { appendAudit } from '../access/audit.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import type { OpenedFile } from '../files/file_access.ts';
import { type Database, isUniqueViolation } from '../storage/database.ts';
import type { OutputFile } from '../storage/output_file.ts';
import { requireWanted } from '../storage/wanted.ts';
import { evenPieces } from './even_pieces.ts';
import { openScratchFile, type ScratchFile } from './scratch_file.ts';
import { requireUploadName } from './upload_name.ts';

/** Files that can be kept at once, those that are coming in too. */
const maxFiles = 1000;
const pieceBytes = 1 << 20;
/** What came in and was not finished by then is abandoned, milliseconds: longer than a request may take. */
const abandonedAfterMs = 4_000_000;

export interface Upload {
  name: string;
  bytes: number;
  sha256: string;
  /** Milliseconds since 1970. */
  uploadedAt: number;
  uploadedBy: string;
}

/** Files that callers on other machines put into the store, so that a tool's path can name them: `upload:NAME`. */
export interface Uploads {
  /**
   * Takes a file in, in the place of one of that name. It is there when it is whole, and not before.
   * @throws LIMIT_EXCEEDED when there is no room for it, CANCELLED
   */
  put(name: string, content: AsyncIterable<Uint8Array>, origin: Origin): Promise<Upload>;
  /**
   * Begins a file that this machine writes, under a name that is free: committed, it is taken in as a whole.
   * @throws INVALID_INPUT for a name that is none or is taken; when it is committed, as `put`
   */
  create(name: string, origin: Origin): Promise<OutputFile>;
  /** All that are whole, by name. */
  list(): Promise<Upload[]>;
  /** @throws INVALID_INPUT when there is none of that name */
  remove(name: string, origin: Origin): Promise<void>;
  /** Opens a copy for reading. @throws INVALID_INPUT when there is none of that name */
  open(name: string): Promise<OpenedFile>;
  /** Its bytes, from a copy that goes away with the stream. @throws INVALID_INPUT when there is none of that name */
  read(name: string): Promise<{ bytes: number; content: Readable }>;
}

export interface UploadsDependencies {
  database: Database;
  /** The registry's, below which a copy is written to be read. */
  directory: string;
  /** Of all files together. */
  maxBytes: number;
  clock: () => number;
}

export function openUploads({ database, directory, maxBytes, clock }: UploadsDependencies): Uploads {
  const forget = (uploadId: string) =>
    database.transaction().execute(async (transaction) => {
      await transaction.deleteFrom('upload_pieces').where('upload_id', '=', uploadId).execute();
      await transaction.deleteFrom('uploads').where('upload_id', '=', uploadId).execute();
    });

  const forgetAbandoned = async () => {
    const abandoned = await database
      .selectFrom('uploads')
      .select('upload_id')
      .where('complete', '=', 0)
      .where('uploaded_at', '<', clock() - abandonedAfterMs)
      .execute();
    for (const { upload_id } of abandoned) await forget(upload_id);
  };

  /** Counts a piece before it is kept, so that many uploads at once stay within the limit too. */
  const keepPiece = (uploadId: string, piece: number, content: Buffer) =>
    database.transaction().execute(async (transaction) => {
      await transaction
        .updateTable('uploads')
        .set(({ eb }) => ({ bytes: eb('bytes', '+', content.length) }))
        .where('upload_id', '=', uploadId)
        .execute();
      const { bytes, files } = await transaction
        .selectFrom('uploads')
        .select(({ fn }) => [fn.sum<number>('bytes').as('bytes'), fn.countAll<number>().as('files')])
        .executeTakeFirstOrThrow();
      requireRoom(Number(bytes), Number(files), maxBytes);
      await transaction.insertInto('upload_pieces').values({ upload_id: uploadId, piece, content }).execute();
    });

  const complete = (
    uploadId: string,
    name: string,
    bytes: number,
    sha256: string,
    origin: Origin,
    at: number,
    replaces: boolean,
  ) =>
    database.transaction().execute(async (transaction) => {
      const before = await transaction
        .selectFrom('uploads')
        .selectAll()
        .where('name', '=', name)
        .where('complete', '=', 1)
        .executeTakeFirst();
      if (before !== undefined) {
        if (!replaces) throw takenName(name);
        await transaction.deleteFrom('upload_pieces').where('upload_id', '=', before.upload_id).execute();
        await transaction.deleteFrom('uploads').where('upload_id', '=', before.upload_id).execute();
      }
      await transaction
        .updateTable('uploads')
        .set({ complete: 1, sha256, uploaded_at: at })
        .where('upload_id', '=', uploadId)
        .execute();
      await appendAudit(
        transaction,
        origin,
        {
          ...nothingOfModels,
          before: before && { name, bytes: before.bytes, sha256: before.sha256 },
          after: { name, bytes, sha256 },
        },
        at,
      );
    });

  const takeIn = async (
    name: string,
    content: AsyncIterable<Uint8Array>,
    origin: Origin,
    { replaces }: { replaces: boolean },
  ): Promise<Upload> => {
    await forgetAbandoned();
    const uploadId = uuidv7();
    const uploadedBy = nameOf(origin.caller);
    const begun = { upload_id: uploadId, name, complete: 0, sha256: null, bytes: 0 };
    await database
      .insertInto('uploads')
      .values({ ...begun, uploaded_at: clock(), uploaded_by: uploadedBy })
      .execute();
    try {
      const hash = createHash('sha256');
      let [bytes, piece] = [0, 0];
      for await (const part of evenPieces(content, pieceBytes)) {
        if (origin.signal !== undefined) requireWanted(origin.signal);
        hash.update(part);
        await keepPiece(uploadId, piece, part);
        bytes += part.length;
        piece += 1;
      }
      if (bytes === 0)
        throw new ModelYardError('INVALID_INPUT', `${name} is empty.`, 'Send the file as the body.');
      const sha256 = hash.digest('hex');
      const at = clock();
      await complete(uploadId, name, bytes, sha256, origin, at, replaces).catch((error: unknown) => {
        throw isUniqueViolation(error) ? changedMeanwhile(name) : error;
      });
      return { name, bytes, sha256, uploadedAt: at, uploadedBy };
    } catch (error) {
      await forget(uploadId).catch(() => undefined);
      throw error;
    }
  };

  /** Of a file as it is now, which nobody else changes any more. @throws INVALID_INPUT when there is none of that name */
  const copyOf = async (name: string): Promise<ScratchFile & { bytes: number }> => {
    const row = await database
      .selectFrom('uploads')
      .select(['upload_id', 'bytes'])
      .where('name', '=', name)
      .where('complete', '=', 1)
      .executeTakeFirst();
    if (row === undefined) throw unknownUpload(name);
    const scratch = await openScratchFile(directory);
    try {
      let written = 0;
      for (let piece = 0; written < Number(row.bytes); piece += 1) {
        const found = await database
          .selectFrom('upload_pieces')
          .select('content')
          .where('upload_id', '=', row.upload_id)
          .where('piece', '=', piece)
          .executeTakeFirst();
        if (found === undefined) throw changedMeanwhile(name);
        // libsql returns an ArrayBuffer.
        const content = Buffer.isBuffer(found.content) ? found.content : Buffer.from(found.content);
        await scratch.handle.writeFile(content);
        written += content.length;
      }
      return { ...scratch, bytes: written };
    } catch (error) {
      await scratch.close();
      throw error;
    }
  };

  return {
    put: (name, content, origin) => takeIn(name, content, origin, { replaces: true }),

    async create(name, origin) {
      requireUploadName(name);
      const taken = await database
        .selectFrom('uploads')
        .select('upload_id')
        .where('name', '=', name)
        .where('complete', '=', 1)
        .executeTakeFirst();
      if (taken !== undefined) throw takenName(name);
      const { handle, close } = await openScratchFile(directory);
      return {
        handle,
        async commit() {
          const written = handle.createReadStream({ start: 0, autoClose: false });
          await takeIn(name, written, origin, { replaces: false });
        },
        discard: close,
      };
    },

    async list() {
      const rows = await database
        .selectFrom('uploads')
        .selectAll()
        .where('complete', '=', 1)
        .orderBy('name')
        .execute();
      return rows.map(({ name, bytes, sha256, uploaded_at, uploaded_by }) => ({
        name,
        bytes: Number(bytes),
        sha256: sha256 ?? '',
        uploadedAt: Number(uploaded_at),
        uploadedBy: uploaded_by,
      }));
    },

    remove: (name, origin) =>
      database.transaction().execute(async (transaction) => {
        const row = await transaction
          .selectFrom('uploads')
          .selectAll()
          .where('name', '=', name)
          .where('complete', '=', 1)
          .executeTakeFirst();
        if (row === undefined) throw unknownUpload(name);
        await transaction.deleteFrom('upload_pieces').where('upload_id', '=', row.upload_id).execute();
        await transaction.deleteFrom('uploads').where('upload_id', '=', row.upload_id).execute();
        const before = { name, bytes: row.bytes, sha256: row.sha256 };
        await appendAudit(transaction, origin, { ...nothingOfModels, before, after: undefined }, clock());
      }),

    async open(name) {
      const { handle, bytes, close } = await copyOf(name);
      return { fd: handle.fd, bytes, holdFolder: () => Promise.reject(alone(name)), close };
    },

    async read(name) {
      const { handle, bytes, close } = await copyOf(name);
      const content = handle.createReadStream({ start: 0 });
      content.once('close', () => void close());
      return { bytes, content };
    },
  };
}

const nothingOfModels = { modelId: undefined, version: undefined, outcome: 'done' };

function requireRoom(bytes: number, files: number, maxBytes: number): void {
  if (bytes <= maxBytes && files <= maxFiles) return;
  throw new ModelYardError(
    'LIMIT_EXCEEDED',
    files > maxFiles
      ? `There are ${maxFiles} uploaded files already.`
      : `Uploaded files may have ${Math.round(maxBytes / 1e6)} MB together.`,
    'Delete some (DELETE /v1/files/NAME), or start the server with a higher MODELYARD_MAX_UPLOADS_MB.',
  );
}

function unknownUpload(name: string): ModelYardError {
  return new ModelYardError(
    'INVALID_INPUT',
    `There is no uploaded file ${name}.`,
    'Upload it (PUT /v1/files/NAME); GET /v1/files lists what is there.',
  );
}

function takenName(name: string): ModelYardError {
  return new ModelYardError(
    'INVALID_INPUT',
    `upload:${name} exists already; nothing is overwritten.`,
    'Name another file, or delete this one first (DELETE /v1/files/NAME).',
  );
}

function changedMeanwhile(name: string): ModelYardError {
  return new ModelYardError(
    'INVALID_INPUT',
    `upload:${name} was replaced or deleted meanwhile.`,
    'Try again.',
  );
}

function alone(name: string): ModelYardError {
  return new ModelYardError(
    'ARTIFACT_INVALID',
    `upload:${name} names files beside it, as models with external data do.`,
    'Save the model with its tensors inside, and upload that.',
  );
}
