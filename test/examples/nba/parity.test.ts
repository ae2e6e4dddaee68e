import { expect, test } from 'vitest';
import { z } from 'zod';
import { featureNames, featureRows } from '../../../examples/nba/features.ts';
import { parseLeagueGameLog } from '../../../examples/nba/league_game_log.ts';
import { examplePath, readJson, syntheticCsv } from './synthetic_log.ts';

const python = z
  .object({ feature_names: z.array(z.string()), features: z.record(z.string(), z.array(z.number())) })
  .parse(readJson(new URL('synthetic_features.json', import.meta.url)));

test('the builder names its features as features.json does, in that order', () => {
  expect(readJson(examplePath('features.json'))).toEqual({
    feature_names: [...featureNames],
    class_labels: ['away_win', 'home_win'],
  });
  expect(python.feature_names).toEqual([...featureNames]);
});

test('TypeScript and Python build the same rows from the same log, to 1e-9', () => {
  const rows = featureRows(parseLeagueGameLog(syntheticCsv, 'synthetic'));
  expect(rows.map((row) => row.game.gameId).sort()).toEqual(Object.keys(python.features).sort());
  expect(rows.filter((row) => row.game.score === undefined)).toHaveLength(4);
  for (const { game, features } of rows) {
    for (const [index, name] of featureNames.entries()) {
      const difference = Math.abs(features[name] - (python.features[game.gameId]?.[index] ?? Number.NaN));
      expect(difference, `${game.gameId} ${name}`).toBeLessThanOrEqual(1e-9);
    }
  }
});
