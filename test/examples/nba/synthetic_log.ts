/** The committed synthetic log in each shape LeagueGameLog comes in. */
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';

export const examplePath = (name: string) => new URL(`../../../examples/nba/${name}`, import.meta.url);
export const readJson = (location: URL): unknown => JSON.parse(readFileSync(location, 'utf8'));

export const syntheticLog = new URL('synthetic_game_log.csv', import.meta.url);
export const syntheticCsv = readFileSync(syntheticLog, 'utf8');

const [headers = [], ...lines] = parse(syntheticCsv);
const textColumns = ['season_id', 'game_id', 'game_date', 'team_abbreviation', 'team_name', 'matchup', 'wl'];

/** As the service's JSON has it: upper-case headers, numbers as numbers, null for nothing. */
const resultSet = {
  name: 'LeagueGameLog',
  headers: headers.map((header) => header.toUpperCase()),
  rowSet: lines.map((line) =>
    line.map((cell, index) =>
      cell === '' ? null : textColumns.includes(headers[index] ?? '') ? cell : Number(cell),
    ),
  ),
};

export const answers = {
  resultSets: { resource: 'leaguegamelog', parameters: {}, resultSets: [resultSet] },
  resultSet: { resource: 'leaguegamelog', parameters: {}, resultSet },
};
