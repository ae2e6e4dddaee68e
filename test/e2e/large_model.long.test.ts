import { copyFileSync, existsSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { runCommand } from './running_command.ts';

/** Three tables of 200 000 rows of 1 024 float32, 2.46 GB: more than an ONNX file may have in itself. */
const rows = 200_000;
const columns = 1024;
const settings = {
  MODELYARD_MAX_ARTIFACT_MB: '2600',
  MODELYARD_LOAD_TIMEOUT_MS: '300000',
  MODELYARD_ENGINE_MEMORY_MB: '12000',
  MODELYARD_ROLE: 'admin',
};
const minutes = 600_000;

let scratch: Scratch;
let server: TestServer;
const source = () => join(scratch.path, 'beyond_two_gigabytes.onnx');
beforeAll(async () => {
  scratch = scratchDirectory();
  copyFileSync(testModel('beyond_two_gigabytes'), source());
  // Zeros but for the last number of each table: 1.5, 2.5 and 3.5.
  writeFileSync(`${source()}.data`, '');
  truncateSync(`${source()}.data`, 3 * rows * columns * 4);
  const data = await open(`${source()}.data`, 'r+');
  for (const index of [0, 1, 2])
    await data.write(
      new Uint8Array(Float32Array.of(index + 1.5).buffer),
      0,
      4,
      ((index + 1) * rows * columns - 1) * 4,
    );
  await data.close();
  server = await startServer({ directory: scratch.path, settings });
}, minutes);
afterAll(async () => {
  await server.close();
  scratch.remove();
});

async function answers(of: TestServer) {
  const { outputs } = await of.call('predict', {
    model_id: 'large',
    tensors: { row: { datatype: 'INT64', shape: [1], data: [rows - 1] } },
  });
  return Object.values(outputs ?? {})[0]?.data.slice(-2);
}

test(
  'a model of more than 2 GB, in the pair of files that PyTorch writes, serves and moves with its store',
  async () => {
    const deployed = await server.call('deploy_model', { model_id: 'large', version: '1', source: source() });
    expect(deployed.artifact.bytes).toBeGreaterThan(3 * rows * columns * 4);
    expect(await answers(server)).toEqual([0, 7.5]);
    await server.close();

    const checked = await runCommand(['verify'], { directory: scratch.path, settings });
    expect(checked.code, checked.errors).toBe(0);
    const backup = join(scratch.path, 'store.tar');
    expect((await runCommand(['backup', backup], { directory: scratch.path, settings })).code).toBe(0);
    const elsewhere = scratchDirectory();
    try {
      const restored = await runCommand(['restore', backup], { directory: elsewhere.path, settings });
      expect(restored.code, restored.errors).toBe(0);
      const second = await startServer({ directory: elsewhere.path, settings });
      expect(await answers(second)).toEqual([0, 7.5]);
      await second.call('retire_model', { model_id: 'large', version: '1', force: true });
      await second.call('promote_model', {
        model_id: 'large',
        version: '1',
        target_stage: 'archived',
        force: true,
      });
      const { confirm } = await second.call('delete_model', { model_id: 'large', dry_run: true });
      await second.call('delete_model', { model_id: 'large', confirm: confirm ?? '' });
      await second.close();
      const kept = join(elsewhere.path, 'registry', 'artifacts');
      const left = existsSync(kept)
        ? readdirSync(kept, { recursive: true }).filter((name) => `${name}`.endsWith('.onnx'))
        : [];
      expect(left).toEqual([]);
    } finally {
      elsewhere.remove();
    }
  },
  minutes,
);
