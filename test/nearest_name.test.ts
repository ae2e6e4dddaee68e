import { expect, test } from 'vitest';
import { nearestName } from '../src/nearest_name.ts';

test.each([
  ['away_win_last5', ['home_wins_last5', 'away_wins_last5'], 'away_wins_last5'],
  ['AGE', ['sex', 'age'], 'age'],
  ['ages', ['age', 'sex'], 'age'],
  ['b', ['a'], undefined],
  ['xy', ['ab', 'cd'], undefined],
  ['x', [], undefined],
])('%s among %j: %s', (wanted, known, nearest) => {
  expect(nearestName(wanted, known)).toBe(nearest);
});
