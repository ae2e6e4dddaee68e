/** Feature rows as CSV in the layout of season.csv. */
import { type FeatureRow, featureNames } from './features.ts';

/** Header and one line a game; `actual` is `home_win` or `away_win`, and empty for a game still to be played. */
export function featuresCsv(rows: readonly FeatureRow[]): string {
  const header = ['game_id', 'game_date', 'home_team', 'away_team', ...featureNames, 'actual'];
  const lines = rows.map(({ game, features }) => [
    game.gameId,
    game.day,
    game.home,
    game.away,
    ...featureNames.map((name) => features[name]),
    game.score ? (game.score.homePoints > game.score.awayPoints ? 'home_win' : 'away_win') : '',
  ]);
  return [header, ...lines].map((line) => `${line.join(',')}\n`).join('');
}
