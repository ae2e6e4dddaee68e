import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { featureNames } from '../../../examples/nba/features.ts';
import { examplePath, readJson } from './synthetic_log.ts';

const predictions = z.object({ label: z.array(z.number()), probabilities: z.array(z.array(z.number())) });
const { features, expected } = z
  .object({
    features: z.array(z.array(z.number())),
    expected: z.object({ v1: predictions, v2: predictions }),
  })
  .parse(readJson(new URL('expected.json', import.meta.url)));

test.each(['v1', 'v2'] as const)('%s answers as scikit-learn did, to 1e-5', async (version) => {
  const session = await InferenceSession.create(fileURLToPath(examplePath(`home_win_${version}.onnx`)));
  expect([...session.inputNames, ...session.outputNames]).toEqual(['features', 'label', 'probabilities']);
  const input = new Tensor('float32', Float32Array.from(features.flat()), [
    features.length,
    featureNames.length,
  ]);
  const { label, probabilities } = await session.run({ features: input });
  expect(Array.from(label?.data ?? [], Number)).toEqual(expected[version].label);
  expect(probabilities?.dims).toEqual([features.length, 2]);
  const served = Array.from(probabilities?.data ?? [], Number);
  for (const [index, probability] of expected[version].probabilities.flat().entries()) {
    expect(Math.abs((served[index] ?? Number.NaN) - probability)).toBeLessThan(1e-5);
  }
});

describe('the published rows', () => {
  const lead = ['game_id', 'game_date', 'home_team', 'away_team'];
  test.each([
    ['reference.csv', 2_000, [...featureNames]],
    ['season.csv', 1_230, [...lead, ...featureNames, 'actual']],
    ['tonight.csv', 7, [...lead, ...featureNames]],
  ])('%s has %i rows of the promised columns', (name, count, columns) => {
    const [header = [], ...rows] = parse(readFileSync(examplePath(name), 'utf8'));
    expect(header).toEqual(columns);
    expect(rows).toHaveLength(count);
    const figures = rows.map((row) => featureNames.map((feature) => row[header.indexOf(feature)] ?? ''));
    expect(figures.flat().every((figure) => figure !== '' && Number.isFinite(Number(figure)))).toBe(true);
    const outcomes = new Set(
      rows.map((row) => row[header.indexOf('actual')]).filter((value) => value !== undefined),
    );
    expect([...outcomes].sort()).toEqual(columns.includes('actual') ? ['away_win', 'home_win'] : []);
  });
});
