import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { type Block, readGuides } from '../docs/guide.ts';
import { startServer, type TestServer } from '../e2e/client.ts';
import { temporaryDirectory } from '../temporary.ts';

/** A Python that has requirements.txt of this folder, or for EXPORTING_ONLY=PyTorch or Keras those. */
const python = process.env.MODELYARD_TEST_EXPORTING_PYTHON;
const only = process.env.EXPORTING_ONLY;
if (python === undefined)
  process.stderr.write(
    'Skipped: the snippets of docs/EXPORTING_MODELS.md, since MODELYARD_TEST_EXPORTING_PYTHON names no Python.\n',
  );

interface Section {
  title: string;
  snippet: Block;
  calls: Block[];
}

const answers = z.object({
  records: z.array(z.record(z.string(), z.unknown())),
  values: z.array(z.union([z.string(), z.number()])),
  probabilities: z.array(z.array(z.number())).nullable(),
});
const deployment = z.looseObject({
  model_id: z.string(),
  version: z.string(),
  class_labels: z.array(z.string()).optional(),
});

const sections = readSections().filter(({ title, snippet }) =>
  only === undefined ? snippet.notRun === undefined : title === only,
);

test.skipIf(python === undefined).each(sections)(
  '$title: served answers are those of the library',
  { timeout: 300_000 },
  async ({ snippet, calls }) => {
    const directory = temporaryDirectory();
    const { status, stderr } = spawnSync(
      python ?? '',
      [fileURLToPath(new URL('run_snippet.py', import.meta.url))],
      {
        cwd: directory,
        input: snippet.text,
        encoding: 'utf8',
      },
    );
    expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
    const expected = answers.parse(JSON.parse(readFileSync(join(directory, 'answers.json'), 'utf8')));
    expect(expected.records.length).toBeGreaterThan(30);
    const server = await startServer({ directory });
    try {
      const given = calls.map(({ subject, text }) => ({
        subject,
        arguments: z.looseObject({}).parse(JSON.parse(text.replaceAll('/home/me', directory))),
      }));
      for (const call of given) {
        const { isError, content } = await server.attempt(call.subject, call.arguments);
        expect([call.subject, isError === true ? content : undefined]).toEqual([call.subject, undefined]);
      }
      await expectServed(server, deployment.parse(given[0]?.arguments), expected);
    } finally {
      await server.close();
    }
  },
);

/** The same labels; numbers within 0.00001 of the largest. */
async function expectServed(
  server: TestServer,
  { model_id, version, class_labels }: z.output<typeof deployment>,
  { records, values, probabilities }: z.output<typeof answers>,
): Promise<void> {
  const { predictions } = await server.call('predict', { model_id, version, inputs: records });
  const labels = values.map((value) => class_labels?.[Number(value)] ?? value);
  const served = predictions.map(({ value }) => value);
  if (probabilities === null) return expectClose(served.map(Number), values.map(Number));
  expect(served).toEqual(labels);
  expectClose(
    predictions.flatMap((prediction) => Object.values(prediction.probabilities ?? {})),
    probabilities.flat(),
  );
}

function expectClose(served: number[], expected: number[]): void {
  expect(served).toHaveLength(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  for (const [index, number] of expected.entries())
    expect(Math.abs((served[index] ?? Number.NaN) - number)).toBeLessThanOrEqual(1e-5 * scale);
}

/** Each heading with its snippet and the calls below it. */
function readSections(): Section[] {
  const { text, blocks } = readGuides().find(({ path }) => path === 'docs/EXPORTING_MODELS.md') ?? {
    text: '',
    blocks: [],
  };
  const lines = text.split('\n');
  return blocks
    .filter(({ language }) => language === 'python')
    .map((snippet, index, snippets) => ({
      title:
        lines
          .slice(0, snippet.line)
          .findLast((line) => line.startsWith('## '))
          ?.slice(3) ?? '',
      snippet,
      calls: blocks.filter(
        ({ language, line }) =>
          language === 'json' && line > snippet.line && line < (snippets[index + 1]?.line ?? Infinity),
      ),
    }));
}
