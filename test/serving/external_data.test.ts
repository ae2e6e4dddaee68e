import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withReadable } from '../../src/files/file_access.ts';
import { registerVersion } from '../../src/registry/register.ts';
import type { Registration } from '../../src/registry/registration.ts';
import { createEngine, type Engine } from '../../src/serving/engine/engine.ts';
import type { NamedTensors } from '../../src/serving/engine/protocol.ts';
import {
  inlineTensors,
  type Piece,
  packTensors,
  spreadTensors,
} from '../../src/serving/graph/external_tensors.ts';
import {
  packedDataName,
  packedParts,
  packTrailer,
  trailerBytes,
} from '../../src/serving/graph/packed_model.ts';
import type { Artifact } from '../../src/storage/artifact.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import { type OpenDatabase, openDatabase } from '../../src/storage/database.ts';
import { callBy } from '../access/origins.ts';
import { temporaryDirectory } from '../temporary.ts';

/** Pairs of files that onnx wrote, and the same model as onnx writes it in one file. */
const pairs = fileURLToPath(new URL('../mlflow/external', import.meta.url));
const whole = readFileSync(join(pairs, 'whole.onnx'));

let directory: string;
let incoming: string;
let database: OpenDatabase;
let engine: Engine;
let artifacts: ReturnType<typeof artifactStore>;
beforeAll(async () => {
  directory = temporaryDirectory();
  incoming = join(directory, 'incoming');
  database = await openDatabase({ directory });
  artifacts = artifactStore(directory, 1e6);
  engine = createEngine({
    withFile: artifacts.withFile,
    loadTimeoutMs: 20_000,
    runTimeoutMs: 10_000,
    threads: 1,
    incoming,
    maxArtifactBytes: 1e6,
  });
});
afterAll(async () => {
  engine.close();
  await database.close();
});

/** A folder with the files of a pair, for a test to change. */
function folderOf(name: string): string {
  const folder = temporaryDirectory();
  for (const file of readdirSync(pairs))
    if (file !== 'whole.onnx') copyFileSync(join(pairs, file), join(folder, file));
  return join(folder, `${name}.onnx`);
}

const register = (source: string, facts: Partial<Registration> = {}) =>
  registerVersion(
    {
      database: database.database,
      artifacts,
      inspector: engine,
      allowedRoots: [join(source, '..')],
      clock: Date.now,
    },
    { modelId: 'm', version: '1', ...facts, source },
    callBy('operator'),
  );

async function answerOf(artifact: Artifact): Promise<number[]> {
  const { inputs, outputs } = await engine.inspect(artifact);
  const x: NamedTensors = new Map([
    ['x', { datatype: 'FP32', shape: [20, 20], data: Float32Array.from({ length: 400 }, (_, at) => at / 8) }],
  ]);
  const key = artifact.sha256;
  try {
    const answer = await engine.run({ key, artifact, inputs, outputs, instances: 1 }, x);
    return [...(answer.get('y')?.data ?? [])].map(Number);
  } finally {
    await engine.unload({ key, artifact });
  }
}

const leftovers = () => readdirSync(incoming).filter((name) => statSync(join(incoming, name)).isFile());

describe('a model whose tensors are in files beside it', () => {
  test.each(['one_file', 'many_files', 'initializers_only'])(
    'is kept as the one file that onnx makes of it: %s',
    async (name) => {
      const source = folderOf(name);
      const { record } = await register(source, { modelId: name });
      expect(readFileSync(artifacts.pathOf(record.artifact.sha256)).equals(whole)).toBe(true);
      expect(record.artifact.bytes).toBe(whole.length);
      expect(leftovers()).toEqual([]);
      // What was registered needs the folder no more.
      rmSync(join(source, '..'), { recursive: true });
      expect((await answerOf(record.artifact)).every(Number.isFinite)).toBe(true);
    },
  );

  test('is read also where the file is named with ./ before it', async () => {
    const source = folderOf('one_file');
    const folder = join(source, '..');
    writeFileSync(source, renamed(readFileSync(source), 'one_file.data', './e_file.data'));
    renameSync(join(folder, 'one_file.data'), join(folder, 'e_file.data'));
    const { record } = await register(source, { modelId: 'dotted' });
    expect(readFileSync(artifacts.pathOf(record.artifact.sha256)).equals(whole)).toBe(true);
  });

  test('has a hash that covers the data: other weights are another artifact', async () => {
    const source = folderOf('one_file');
    const first = await register(source, { modelId: 'hashed' });
    expect((await register(source, { modelId: 'hashed' })).created).toBe(false);
    const data = readFileSync(join(source, '..', 'one_file.data'));
    data[100] = (data[100] ?? 0) ^ 1;
    writeFileSync(join(source, '..', 'one_file.data'), data);
    await expect(register(source, { modelId: 'hashed' })).rejects.toMatchObject({ code: 'VERSION_EXISTS' });
    const other = await register(source, { modelId: 'hashed', version: '2' });
    expect(other.record.artifact.sha256).not.toBe(first.record.artifact.sha256);
  });

  test.each<[string, (data: string) => void, string]>([
    ['is missing', (data) => rmSync(data), 'no plain file beside it'],
    ['is too short', (data) => writeFileSync(data, 'short'), 'beyond the end'],
    [
      'is a link',
      (data) => {
        rmSync(data);
        symlinkSync(join(pairs, 'one_file.data'), data);
      },
      'no plain file beside it',
    ],
    [
      'is a directory',
      (data) => {
        rmSync(data);
        mkdirSync(data);
      },
      'no plain file beside it',
    ],
  ])('is refused where the data %s', async (_, change, reason) => {
    const source = folderOf('one_file');
    change(join(source, '..', 'one_file.data'));
    await expect(register(source, { modelId: 'refused' })).rejects.toMatchObject({
      code: 'ARTIFACT_INVALID',
      message: expect.stringContaining(reason),
    });
    expect(leftovers()).toEqual([]);
  });

  test.each(['../one_f.data', 'sub/one_.data', './../one.data', '..\\one_f.data'])(
    'is refused where a tensor names %j, though there is such a file',
    async (location) => {
      const source = folderOf('one_file');
      const folder = join(source, '..', 'sub');
      mkdirSync(join(folder, 'sub'), { recursive: true });
      const inFolder = join(folder, 'one_file.onnx');
      writeFileSync(inFolder, renamed(readFileSync(source), 'one_file.data', location));
      copyFileSync(join(source, '..', 'one_file.data'), join(folder, location));
      await expect(register(inFolder, { modelId: 'refused' })).rejects.toMatchObject({
        code: 'ARTIFACT_INVALID',
        message: expect.stringContaining('external data'),
      });
    },
  );

  test('is refused where a tensor names the file of the model itself', async () => {
    const source = folderOf('one_file');
    const own = join(source, '..', 'one_file.dat_');
    writeFileSync(own, renamed(readFileSync(source), 'one_file.data', 'one_file.dat_'));
    await expect(register(own, { modelId: 'refused' })).rejects.toMatchObject({
      code: 'ARTIFACT_INVALID',
      message: expect.stringContaining("which is the model's own file"),
    });
    expect(leftovers()).toEqual([]);
  });

  test('counts as a whole against the largest model', async () => {
    const source = folderOf('one_file');
    const small = createEngine({
      withFile: artifacts.withFile,
      loadTimeoutMs: 1000,
      runTimeoutMs: 1000,
      incoming,
      maxArtifactBytes: 3000,
    });
    await withReadable(source, { allowedRoots: [join(source, '..')] }, (opened) =>
      expect(small.wholeFile(opened)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' }),
    );
    small.close();
    expect(leftovers()).toEqual([]);
  });
});

describe('a model whose tensors are packed behind its graph', () => {
  const model = readFileSync(join(pairs, 'one_file.onnx'));
  const lengthOf = (name: string) => statSync(join(pairs, name), { throwIfNoEntry: false })?.size;
  const bytesOf = (piece: Piece) =>
    'location' in piece
      ? readFileSync(join(pairs, piece.location)).subarray(piece.offset, piece.offset + piece.length)
      : piece;
  const packed = Buffer.concat(packTensors(model, lengthOf, 1).map(bytesOf));
  const { graphBytes, dataBytes } = packedParts(packed.subarray(-trailerBytes), packed.length) ?? {
    graphBytes: 0,
    dataBytes: 0,
  };

  const add = (bytes: Uint8Array) => {
    const file = join(temporaryDirectory(), 'packed');
    writeFileSync(file, bytes);
    return artifacts.add(file);
  };

  test('answers as the one file does', async () => {
    expect(dataBytes).toBe(1600);
    const one = await artifacts.add(join(pairs, 'whole.onnx'));
    const expected = await answerOf(one);
    expect(await answerOf(await add(packed))).toEqual(expected);
  });

  test('is the pair of files that ONNX has, with the same tensors', () => {
    const [graph, data] = [
      packed.subarray(0, graphBytes),
      packed.subarray(graphBytes, graphBytes + dataBytes),
    ];
    const pieces = inlineTensors(graph, (name) => (name === packedDataName ? dataBytes : undefined)) ?? [];
    const inside = Buffer.concat(
      pieces.map((piece) =>
        'location' in piece ? data.subarray(piece.offset, piece.offset + piece.length) : piece,
      ),
    );
    expect(inside.equals(whole)).toBe(true);
  });

  test.each([
    ['its graph', 10],
    ['its data', graphBytes + 100],
    ['its trailer', packed.length - 3],
  ])('is not loaded when %s is damaged in the store', async (_, at) => {
    const artifact = await add(packed);
    const damaged = Buffer.from(packed);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(artifacts.pathOf(artifact.sha256), damaged);
    await expect(engine.inspect(artifact)).rejects.toMatchObject({ code: 'ARTIFACT_MISMATCH' });
    await expect(artifacts.verify(artifact)).rejects.toMatchObject({ code: 'ARTIFACT_MISMATCH' });
    await artifacts.discard(artifact);
  });

  test('is refused when its tensors name other places', async () => {
    const graph = packed.subarray(0, graphBytes);
    const data = packed.subarray(graphBytes, graphBytes + dataBytes);
    expect(() => spreadTensors(graph, dataBytes + 1)).toThrow('belongs to no tensor');
    const elsewhere = renamed(graph, packedDataName, 'other.onnx.data');
    expect(() => spreadTensors(elsewhere, dataBytes)).toThrow('no plain file beside it');
    const file = await add(Buffer.concat([elsewhere, data, packTrailer(elsewhere.length)]));
    await expect(engine.inspect(file)).rejects.toMatchObject({ code: 'ARTIFACT_INVALID' });
  });
});

/** The bytes with every text of that kind replaced by one of the same length. */
function renamed(bytes: Uint8Array, from: string, to: string): Buffer {
  expect(to).toHaveLength(from.length);
  return Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll(from, to), 'latin1');
}
