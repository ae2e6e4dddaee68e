/** Command: node dist/examples/nba/build_features.js <file-or-url> [out.csv] */
import { writeFile } from 'node:fs/promises';
import { featureRows } from './features.ts';
import { featuresCsv } from './features_csv.ts';
import { LeagueGameLogError, readLeagueGameLog } from './league_game_log.ts';
import { SourceError } from './read_text.ts';

const [source, target] = process.argv.slice(2);

if (source === undefined) {
  console.error('usage: node dist/examples/nba/build_features.js <file-or-url> [out.csv]');
  process.exitCode = 2;
} else {
  try {
    const rows = featureRows(await readLeagueGameLog(source));
    if (target === undefined) process.stdout.write(featuresCsv(rows));
    else await writeFile(target, featuresCsv(rows));
    console.error(`${rows.length} games with features`);
  } catch (error) {
    if (!(error instanceof SourceError || error instanceof LeagueGameLogError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
