/**
 * Games from the NBA stats service's LeagueGameLog (one row per team and game), as CSV with lower- or upper-case
 * headers, or as its JSON answer `{resultSets: [{name, headers, rowSet}]}` (older: `resultSet`).
 */
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import '../../src/plain_messages.ts';
import { defaultLimits, type ReadLimits, readText } from './read_text.ts';

/** A game, played or still to come. */
export type Game = {
  gameId: string;
  /** The service's season id, for example `22023` for the regular season 2023-24. */
  season: string;
  /** Calendar day, `YYYY-MM-DD`. */
  day: string;
  /** Team abbreviations. */
  home: string;
  away: string;
  /** Absent until the game has been played. */
  score?: Score;
};

type Score = {
  homePoints: number;
  awayPoints: number;
  /** Possessions of one team: the mean of both teams' estimates. */
  possessions: number;
};

/** The text is not a LeagueGameLog; the message names the source and what is wrong with it. */
export class LeagueGameLogError extends Error {
  override name = 'LeagueGameLogError';
}

/**
 * Read and parse a LeagueGameLog from a file path or an http(s) URL; games ordered by day, then game id.
 * @throws SourceError when it cannot be read, LeagueGameLogError when it is not a LeagueGameLog.
 */
export async function readLeagueGameLog(source: string, limits: ReadLimits = defaultLimits): Promise<Game[]> {
  return parseLeagueGameLog(await readText(source, limits), source);
}

/**
 * Parse the text of a LeagueGameLog. On a neutral court both rows may say "@"; then the alphabetically first team
 * counts as home. `source` only serves error messages.
 * @throws LeagueGameLogError
 */
export function parseLeagueGameLog(text: string, source: string): Game[] {
  const rows = teamRows(/^\s*[{[]/.test(text) ? jsonTable(text, source) : csvTable(text, source), source);
  const pairs = new Map<string, TeamRow[]>();
  for (const row of rows) pairs.set(row.game_id, [...(pairs.get(row.game_id) ?? []), row]);
  const games = [...pairs].map(([gameId, pair]) => toGame(gameId, pair, source));
  return games.sort((one, other) => compare(one.day, other.day) || compare(one.gameId, other.gameId));
}

type Table = { headers: string[]; rows: unknown[][] };

const resultSet = z.object({
  name: z.string(),
  headers: z.array(z.string()),
  rowSet: z.array(z.array(z.unknown())),
});
const answer = z.union([
  z.object({ resultSets: z.array(resultSet) }).transform((found) => found.resultSets),
  z
    .object({ resultSet: z.union([resultSet.transform((one) => [one]), z.array(resultSet)]) })
    .transform((found) => found.resultSet),
]);

function jsonTable(text: string, source: string): Table {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new LeagueGameLogError(`${source}: not valid JSON`);
  }
  const sets = answer.safeParse(value);
  if (!sets.success)
    throw new LeagueGameLogError(`${source}: JSON without resultSets of name, headers and rowSet`);
  const log = sets.data.find((set) => set.name === 'LeagueGameLog');
  if (!log) throw new LeagueGameLogError(`${source}: JSON without a result set named LeagueGameLog`);
  return { headers: log.headers, rows: log.rowSet };
}

function csvTable(text: string, source: string): Table {
  try {
    const [headers = [], ...rows] = parse(text, { bom: true, skip_empty_lines: true });
    return { headers, rows };
  } catch (error) {
    throw new LeagueGameLogError(
      `${source}: not valid CSV (${error instanceof Error ? error.message : error})`,
    );
  }
}

const text = z.union([z.string(), z.number()]).transform(String);
const count = z
  .union([z.number(), z.string().regex(/^\d+$/).transform(Number)])
  .pipe(z.number().int().nonnegative());
const identity = z.object({
  season_id: text.pipe(z.string().regex(/^\d+$/)),
  team_abbreviation: z.string().regex(/^[A-Z0-9]+$/),
  game_id: text.pipe(z.string().regex(/^\w+$/)),
  game_date: z
    .string()
    .transform((value) => value.slice(0, 10))
    .pipe(z.iso.date()),
  matchup: z.string().regex(/^[A-Z0-9]+ (vs\.|@) [A-Z0-9]+$/),
});
const notPlayed = identity.extend({ wl: z.union([z.literal(''), z.null()]) });
const played = identity.extend({
  wl: z.enum(['W', 'L']),
  pts: count,
  fga: count,
  fta: count,
  oreb: count,
  tov: count,
});
const teamRow = z.discriminatedUnion('wl', [played, notPlayed]);
type TeamRow = z.infer<typeof teamRow>;

const requiredColumns = Object.keys(played.shape);

function teamRows(table: Table, source: string): TeamRow[] {
  const headers = table.headers.map((header) => header.toLowerCase());
  const missing = requiredColumns.filter((column) => !headers.includes(column));
  if (missing.length === requiredColumns.length) {
    throw new LeagueGameLogError(`${source}: neither JSON nor CSV of a LeagueGameLog`);
  }
  if (missing.length > 0) throw new LeagueGameLogError(`${source}: missing column ${missing.join(', ')}`);
  return table.rows.map((values, index) => {
    const row = teamRow.safeParse(
      Object.fromEntries(headers.map((header, column) => [header, values[column]])),
    );
    if (row.success) return row.data;
    const problem = row.error.issues[0];
    throw new LeagueGameLogError(
      `${source}: row ${index + 1}, column ${problem?.path.join('.')}: ${problem?.message}`,
    );
  });
}

function toGame(gameId: string, pair: TeamRow[], source: string): Game {
  const [home, away] = pair.toSorted(
    (one, other) =>
      Number(one.matchup.includes('@')) - Number(other.matchup.includes('@')) ||
      compare(one.team_abbreviation, other.team_abbreviation),
  );
  if (!home || !away || pair.length > 2) {
    throw new LeagueGameLogError(`${source}: game ${gameId} has ${pair.length} rows, expected one per team`);
  }
  for (const column of ['season_id', 'game_date'] as const) {
    if (home[column] !== away[column]) {
      throw new LeagueGameLogError(`${source}: game ${gameId} has two different values of ${column}`);
    }
  }
  if (home.team_abbreviation === away.team_abbreviation || !away.matchup.includes('@')) {
    throw new LeagueGameLogError(`${source}: game ${gameId} does not have one home and one away team`);
  }
  const game = {
    gameId,
    season: home.season_id,
    day: home.game_date,
    home: home.team_abbreviation,
    away: away.team_abbreviation,
  };
  if (!('pts' in home && 'pts' in away)) return game;
  if (home.pts === away.pts)
    throw new LeagueGameLogError(`${source}: game ${gameId} ended level at ${home.pts}`);
  const possessions = (estimatedPossessions(home) + estimatedPossessions(away)) / 2;
  return { ...game, score: { homePoints: home.pts, awayPoints: away.pts, possessions } };
}

/**
 * FGA + 0.44 FTA - OREB + TOV (Kubatko et al., "A Starting Point for Analyzing Basketball Statistics",
 * Journal of Quantitative Analysis in Sports 3(3), 2007).
 */
function estimatedPossessions(box: z.infer<typeof played>): number {
  return box.fga + 0.44 * box.fta - box.oreb + box.tov;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
