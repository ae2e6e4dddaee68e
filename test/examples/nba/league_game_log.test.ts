import { createServer, type RequestListener, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { parseLeagueGameLog, readLeagueGameLog } from '../../../examples/nba/league_game_log.ts';
import { defaultLimits } from '../../../examples/nba/read_text.ts';
import { answers, syntheticCsv, syntheticLog } from './synthetic_log.ts';

const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return `http://127.0.0.1:${address.port}/stats/leaguegamelog`;
}

const serveText = (body: string, status = 200) =>
  serve((_request, response) => response.writeHead(status).end(body));

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

const games = parseLeagueGameLog(syntheticCsv, 'synthetic');

describe('every shape of the log gives the same games', () => {
  test('a CSV file', async () => {
    expect(await readLeagueGameLog(fileURLToPath(syntheticLog))).toEqual(games);
    expect(games).toHaveLength(100);
    expect(games[0]).toEqual({
      gameId: '0029800001',
      season: '22098',
      day: '2098-10-24',
      home: 'ANT',
      away: 'BEE',
      score: { homePoints: 124, awayPoints: 126, possessions: 102.12 },
    });
  });

  test('CSV with upper-case headers and a byte order mark', () => {
    const [header = '', ...lines] = syntheticCsv.split('\n');
    const text = `\uFEFF${[header.toUpperCase(), ...lines].join('\r\n')}`;
    expect(parseLeagueGameLog(text, 'upper')).toEqual(games);
  });

  test.each(['resultSets', 'resultSet'] as const)('JSON %s from an http server', async (shape) => {
    expect(await readLeagueGameLog(await serveText(JSON.stringify(answers[shape])))).toEqual(games);
  });

  test('CSV from an http server', async () => {
    expect(await readLeagueGameLog(await serveText(syntheticCsv))).toEqual(games);
  });
});

test('on a neutral court, where both rows say "@", the alphabetically first team counts as home', () => {
  const neutral = games.find((game) => game.gameId === '0029800045');
  expect(syntheticCsv.match(/0029800045,[-\d]+,\w+ vs\. /g)).toBeNull();
  expect(neutral && neutral.home < neutral.away).toBe(true);
});

describe('what cannot be read is named', () => {
  test('a missing file', async () => {
    await expect(readLeagueGameLog('no/such/file.csv')).rejects.toThrow(/^no\/such\/file\.csv: ENOENT/);
  });

  test('an HTTP status', async () => {
    const address = await serveText('{"resultSets": []}', 500);
    await expect(readLeagueGameLog(address)).rejects.toThrow(`${address}: HTTP status 500`);
  });

  test('a server that is not there', async () => {
    const address = await serveText('');
    await new Promise((resolve) => servers.pop()?.close(resolve));
    await expect(readLeagueGameLog(address)).rejects.toThrow(/ECONNREFUSED/);
  });

  test.each([
    ['never answers', () => {}],
    ['stops in the middle', (_request, response) => void response.writeHead(200).write('{"resultSets":')],
  ] satisfies [string, RequestListener][])('a server that %s', async (_title, listener) => {
    const address = await serve(listener);
    await expect(readLeagueGameLog(address, { ...defaultLimits, timeoutMilliseconds: 50 })).rejects.toThrow(
      `${address}: no complete answer within 50 ms`,
    );
  });

  test('more than the largest size, over http and from a file', async () => {
    const limits = { ...defaultLimits, maximumBytes: 1_000 };
    await expect(readLeagueGameLog(await serveText(syntheticCsv), limits)).rejects.toThrow(
      'larger than 1000 bytes',
    );
    await expect(readLeagueGameLog(fileURLToPath(syntheticLog), limits)).rejects.toThrow(
      'larger than 1000 bytes',
    );
  });
});

describe('what is not a LeagueGameLog is named', () => {
  const lines = syntheticCsv.trimEnd().split('\n');
  const headerLine = lines[0] ?? '';
  // The log is newest first: its last lines are the first game, ANT against BEE, 124:126.
  const [homeRow = '', awayRow = ''] = lines.toReversed();
  const csv = (...rows: string[]) => [headerLine, ...rows].join('\n');

  test.each([
    ['cut-off JSON', '{"resultSets": [', 'x: not valid JSON'],
    ['other JSON', '{"games": []}', 'x: JSON without resultSets of name, headers and rowSet'],
    [
      'another result set',
      '{"resultSets": [{"name": "Shots", "headers": [], "rowSet": []}]}',
      'x: JSON without a result set named LeagueGameLog',
    ],
    ['a web page', '<html><body>Access denied</body></html>', 'x: neither JSON nor CSV of a LeagueGameLog'],
    ['nothing', '', 'x: neither JSON nor CSV of a LeagueGameLog'],
    ['a missing column', syntheticCsv.replace('oreb', 'rebounds'), 'x: missing column oreb'],
    ['a ragged line', `${syntheticCsv}1,2,3\n`, /^x: not valid CSV \(Invalid Record Length/],
    [
      'a day that is none',
      csv(homeRow.replace('-10-', '-13-'), awayRow),
      'x: row 1, column game_date: must be a date, such as 2026-01-31',
    ],
    [
      'points that are no number',
      csv(homeRow, awayRow.replace(',126,', ',many,')),
      /^x: row \d, column pts: /,
    ],
    ['points left out', csv(homeRow, awayRow.replace(',126,', ',,')), /^x: row \d, column pts: /],
    ['one row of a game', csv(homeRow), 'x: game 0029800001 has 1 rows, expected one per team'],
    [
      'three rows of a game',
      csv(homeRow, awayRow, awayRow),
      'x: game 0029800001 has 3 rows, expected one per team',
    ],
    [
      'two days of a game',
      csv(homeRow.replace('-10-', '-11-'), awayRow),
      'x: game 0029800001 has two different values of game_date',
    ],
    [
      'two home teams',
      csv(homeRow, awayRow.replace(' @ ', ' vs. ')),
      'x: game 0029800001 does not have one home and one away team',
    ],
    [
      'a level score',
      csv(homeRow.replace(',124,', ',126,'), awayRow.replace(',124,', ',126,')),
      'x: game 0029800001 ended level at 126',
    ],
  ])('%s', (_title, text, message) => {
    expect(() => parseLeagueGameLog(text, 'x')).toThrow(message);
  });
});
