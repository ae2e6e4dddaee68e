import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { featureNames, featureRows, featuresForMatchup } from '../../../examples/nba/features.ts';
import { featuresCsv } from '../../../examples/nba/features_csv.ts';
import { type Game, parseLeagueGameLog } from '../../../examples/nba/league_game_log.ts';
import { syntheticCsv } from './synthetic_log.ts';

const games = parseLeagueGameLog(syntheticCsv, 'synthetic');
const gameIndex = fc.nat({ max: games.length - 1 });
const score = fc.record({
  homePoints: fc.integer({ min: 60, max: 180 }),
  awayPoints: fc.integer({ min: 60, max: 180 }),
  possessions: fc.double({ min: 70, max: 130, noNaN: true }),
});

/** Featured rows of the days up to and including `day`, without what the games themselves ended in. */
const rowsUpTo = (log: readonly Game[], day: string) =>
  featureRows(log)
    .filter((row) => row.game.day <= day)
    .map(({ game, features }) => ({ gameId: game.gameId, features }));

describe('nothing leaks backwards', () => {
  test('changing a game never changes a row of its own day or earlier', () => {
    fc.assert(
      fc.property(gameIndex, score, (index, changed) => {
        const day = games[index]?.day ?? '';
        const other = games.map((game, position) =>
          position === index ? { ...game, score: changed } : game,
        );
        expect(rowsUpTo(other, day)).toEqual(rowsUpTo(games, day));
      }),
    );
  });

  test('leaving out the games after a day never changes a row of that day or earlier', () => {
    fc.assert(
      fc.property(gameIndex, (index) => {
        const day = games[index]?.day ?? '';
        const shorter = games.filter((game) => game.day <= day);
        expect(rowsUpTo(shorter, day)).toEqual(rowsUpTo(games, day));
      }),
    );
  });

  test('the order of the log does not matter', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(games, { minLength: games.length }), (shuffled) => {
        expect(featureRows(shuffled)).toEqual(featureRows(games));
      }),
      { numRuns: 20 },
    );
  });

  test('another season does not count', () => {
    const nextSeason = games.map((game) => ({
      ...game,
      season: '22099',
      day: game.day.replace(/^20/, '21'),
    }));
    const rows = featureRows([...games, ...nextSeason]);
    expect(rows.slice(0, rows.length / 2).map((row) => row.features)).toEqual(
      rows.slice(rows.length / 2).map((row) => row.features),
    );
  });
});

test('figures of a small season worked out by hand', () => {
  // One beats Two 110:100 five times, every other day, each with 100 possessions.
  const days = ['2030-01-01', '2030-01-03', '2030-01-05', '2030-01-07', '2030-01-09'];
  const season = days.map((day, index) => ({
    gameId: `${index}`,
    season: '22029',
    day,
    home: 'ONE',
    away: 'TWO',
    score: { homePoints: 110, awayPoints: 100, possessions: 100 },
  }));
  expect(featureRows(season)).toEqual([]);
  expect(featuresForMatchup(season, { home: 'TWO', away: 'ONE', date: '2030-01-10' })).toEqual({
    home_points_last10: 100,
    home_points_allowed_last10: 110,
    home_win_share: 0,
    home_wins_last5: 0,
    home_rest_days: 0,
    home_back_to_back: 1,
    away_points_last10: 110,
    away_points_allowed_last10: 100,
    away_win_share: 1,
    away_wins_last5: 5,
    away_rest_days: 0,
    away_back_to_back: 1,
    net_rating_difference: -20,
  });
  const rested = featuresForMatchup(season, { home: 'ONE', away: 'TWO', date: '2030-01-31' });
  expect([rested.home_rest_days, rested.home_back_to_back]).toEqual([5, 0]);
});

describe('a game to come', () => {
  test('has the features its row will have', () => {
    for (const { game, features } of featureRows(games)) {
      expect(featuresForMatchup(games, { home: game.home, away: game.away, date: game.day })).toEqual(
        features,
      );
    }
  });

  test.each([
    [
      { home: 'ANT', away: 'YAK', date: '2098-12-24' },
      'YAK has 0 games in season 22098 before 2098-12-24; features need 5',
    ],
    [
      { home: 'ANT', away: 'BEE', date: '2098-10-27' },
      'ANT has 1 games in season 22098 before 2098-10-27; features need 5',
    ],
    [{ home: 'ANT', away: 'ANT', date: '2098-12-24' }, 'ANT cannot play itself'],
    [{ home: 'ANT', away: 'BEE', date: '24.12.2098' }, 'date must be a day as YYYY-MM-DD, got "24.12.2098"'],
    [{ home: 'ANT', away: 'BEE', date: '2098-10-01' }, 'the log has no game played before 2098-10-01'],
    [
      { home: 'ANT', away: 'BEE', date: '2099-10-20' },
      "the log's last game before 2099-10-20 is of 2099-01-06; load a newer log",
    ],
  ])('%o is refused by name', (matchup, message) => {
    expect(() => featuresForMatchup(games, matchup)).toThrow(new RangeError(message));
  });
});

test('the CSV has the columns of season.csv and leaves the outcome of a game to come empty', () => {
  const lines = featuresCsv(featureRows(games)).trimEnd().split('\n');
  expect(lines[0]).toBe(`game_id,game_date,home_team,away_team,${featureNames.join(',')},actual`);
  expect(lines).toHaveLength(81);
  expect(lines.filter((line) => line.endsWith('_win'))).toHaveLength(76);
  expect(lines.at(-1)).toMatch(/,$/);
});
