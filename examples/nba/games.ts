import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { packageDirectory } from '../../src/package_info.ts';

const directory = join(packageDirectory, 'examples', 'nba');

/** Absolute path of a file of the NBA example. */
export function nbaFile(name: string): string {
  return join(directory, name);
}

const namesFile = z.object({ feature_names: z.array(z.string()), class_labels: z.array(z.string()) });
const metricsFile = z.object({ v1: z.record(z.string(), z.number()), v2: z.record(z.string(), z.number()) });

type Row = Record<string, string>;
type Features = Record<string, number>;

/** A game to predict, and of the season what came of it. */
interface Game {
  home: string;
  away: string;
  features: Features;
  actual: string | undefined;
}

export interface Example {
  /** What deploy_model is told of each version, beside its name. */
  versions: Record<'v1' | 'v2', Record<string, unknown>>;
  tonight: Game[];
  season: Game[];
}

/** The two versions of the model, the games of a season and those of tonight. */
export async function readExample(): Promise<Example> {
  const text = (name: string) => readFile(nbaFile(name), 'utf8');
  const names = namesFile.parse(JSON.parse(await text('features.json')));
  const metrics = metricsFile.parse(JSON.parse(await text('metrics.json')));
  const games = async (name: string): Promise<Game[]> => {
    const rows: Row[] = parse(await text(name), { columns: true });
    return rows.map((row) => ({
      home: row.home_team ?? '',
      away: row.away_team ?? '',
      features: Object.fromEntries(names.feature_names.map((feature) => [feature, Number(row[feature])])),
      actual: row.actual,
    }));
  };
  const version = (number: 1 | 2, algorithm: string) => ({
    source: nbaFile(`home_win_v${number}.onnx`),
    ...names,
    framework: 'scikit-learn',
    algorithm,
    metrics: metrics[`v${number}`],
  });
  return {
    versions: {
      v1: version(1, 'logistic regression on recent form'),
      v2: version(2, 'logistic regression on season strength and schedule'),
    },
    tonight: await games('tonight.csv'),
    season: await games('season.csv'),
  };
}

/** The plausible shift of the model card: +8 points for and against, one rest day fewer. */
export function faster(features: Features): Features {
  const shifted = { ...features };
  for (const [name, value] of Object.entries(features)) {
    if (name.includes('_points_')) shifted[name] = value + 8;
    if (!name.endsWith('_rest_days')) continue;
    shifted[name] = Math.max(value - 1, 0);
    shifted[name.replace('rest_days', 'back_to_back')] = value <= 1 ? 1 : 0;
  }
  return shifted;
}
