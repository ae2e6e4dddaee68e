/**
 * Features of an NBA game that are known before tip-off. `game_features.py` is the same computation for training.
 * A team's history is its games of the same season on strictly earlier days, so nothing leaks backwards.
 */
import type { Game } from './league_game_log.ts';

/** Names and order of the model's input, as in features.json. */
export const featureNames = [
  'home_points_last10',
  'home_points_allowed_last10',
  'home_win_share',
  'home_wins_last5',
  'home_rest_days',
  'home_back_to_back',
  'away_points_last10',
  'away_points_allowed_last10',
  'away_win_share',
  'away_wins_last5',
  'away_rest_days',
  'away_back_to_back',
  'net_rating_difference',
] as const;

type FeatureName = (typeof featureNames)[number];
/** Points per game, shares 0..1, counts, days, flags 0 or 1, points per 100 possessions; see model_card.md. */
export type Features = Record<FeatureName, number>;
export type FeatureRow = { game: Game; features: Features };
/** A game to come: team abbreviations and its day, `YYYY-MM-DD`. */
export type Matchup = { home: string; away: string; date: string };

const minimumGamesPlayed = 5;
const pointsWindow = 10;
const formWindow = 5;
const restDaysCap = 5;
const longestGapDays = 30;
const millisecondsPerDay = 86_400_000;

/** A played game seen from one team. */
type PastGame = { day: string; points: number; pointsAllowed: number; possessions: number };
type Histories = Map<string, PastGame[]>;

/** One row for every game whose two teams have each played five games of the season before it, ordered by day. */
export function featureRows(games: readonly Game[]): FeatureRow[] {
  const histories = teamHistories(games);
  return inOrder(games).flatMap((game) => {
    const home = before(histories, game.season, game.home, game.day);
    const away = before(histories, game.season, game.away, game.day);
    if (Math.min(home.length, away.length) < minimumGamesPlayed) return [];
    return [{ game, features: features(home, away, game.day) }];
  });
}

/**
 * Features of a game to come, in the season of the latest game played before it.
 * @throws RangeError when a team is unknown or has played fewer than five games of that season, when the date is not
 * a day, or when the log ends more than 30 days before it.
 */
export function featuresForMatchup(games: readonly Game[], { home, away, date }: Matchup): Features {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(Date.parse(date))) {
    throw new RangeError(`date must be a day as YYYY-MM-DD, got ${JSON.stringify(date)}`);
  }
  if (home === away) throw new RangeError(`${home} cannot play itself`);
  const latest = inOrder(games).findLast((game) => game.score !== undefined && game.day < date);
  if (!latest) throw new RangeError(`the log has no game played before ${date}`);
  if (daysBetween(latest.day, date) > longestGapDays) {
    throw new RangeError(`the log's last game before ${date} is of ${latest.day}; load a newer log`);
  }
  const histories = teamHistories(games);
  const [homePast, awayPast] = [home, away].map((team) => {
    const past = before(histories, latest.season, team, date);
    if (past.length >= minimumGamesPlayed) return past;
    throw new RangeError(
      `${team} has ${past.length} games in season ${latest.season} before ${date}; features need ${minimumGamesPlayed}`,
    );
  });
  return features(homePast ?? [], awayPast ?? [], date);
}

function inOrder(games: readonly Game[]): Game[] {
  return games.toSorted((one, other) => {
    const [first, second] = [`${one.day} ${one.gameId}`, `${other.day} ${other.gameId}`];
    return first < second ? -1 : first > second ? 1 : 0;
  });
}

function teamHistories(games: readonly Game[]): Histories {
  const histories: Histories = new Map();
  const remember = (season: string, team: string, past: PastGame) => {
    const key = `${season}/${team}`;
    histories.set(key, [...(histories.get(key) ?? []), past]);
  };
  for (const { day, season, home, away, score } of inOrder(games)) {
    if (!score) continue;
    const { homePoints, awayPoints, possessions } = score;
    remember(season, home, { day, points: homePoints, pointsAllowed: awayPoints, possessions });
    remember(season, away, { day, points: awayPoints, pointsAllowed: homePoints, possessions });
  }
  return histories;
}

function before(histories: Histories, season: string, team: string, day: string): PastGame[] {
  return (histories.get(`${season}/${team}`) ?? []).filter((past) => past.day < day);
}

function features(home: PastGame[], away: PastGame[], day: string): Features {
  const [homeSide, awaySide] = [side(home, day), side(away, day)];
  return {
    home_points_last10: homeSide.points,
    home_points_allowed_last10: homeSide.pointsAllowed,
    home_win_share: homeSide.winShare,
    home_wins_last5: homeSide.recentWins,
    home_rest_days: homeSide.restDays,
    home_back_to_back: homeSide.backToBack,
    away_points_last10: awaySide.points,
    away_points_allowed_last10: awaySide.pointsAllowed,
    away_win_share: awaySide.winShare,
    away_wins_last5: awaySide.recentWins,
    away_rest_days: awaySide.restDays,
    away_back_to_back: awaySide.backToBack,
    net_rating_difference: netRating(home) - netRating(away),
  };
}

/** One team's figures; `history` is not empty and ordered by day. */
function side(history: PastGame[], day: string) {
  const recent = history.slice(-pointsWindow);
  const restDays = daysBetween(history.at(-1)?.day ?? day, day) - 1;
  return {
    points: sum(recent, (past) => past.points) / recent.length,
    pointsAllowed: sum(recent, (past) => past.pointsAllowed) / recent.length,
    winShare: wins(history) / history.length,
    recentWins: wins(history.slice(-formWindow)),
    restDays: Math.min(restDays, restDaysCap),
    backToBack: restDays === 0 ? 1 : 0,
  };
}

/** Points scored minus points allowed per 100 possessions over the season so far. */
function netRating(history: PastGame[]): number {
  return (
    (100 * sum(history, (past) => past.points - past.pointsAllowed)) /
    sum(history, (past) => past.possessions)
  );
}

function wins(history: PastGame[]): number {
  return history.filter((past) => past.points > past.pointsAllowed).length;
}

function sum(history: PastGame[], figure: (past: PastGame) => number): number {
  return history.reduce((total, past) => total + figure(past), 0);
}

function daysBetween(first: string, last: string): number {
  return (Date.parse(last) - Date.parse(first)) / millisecondsPerDay;
}
