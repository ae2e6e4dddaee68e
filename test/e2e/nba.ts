import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { nbaFile } from './environment.ts';

const readJson = (file: string | URL): unknown => JSON.parse(readFileSync(file, 'utf8'));

/** Names and order of the model's inputs, and its classes. */
export const facts = z
  .object({ feature_names: z.array(z.string()), class_labels: z.tuple([z.string(), z.string()]) })
  .parse(readJson(nbaFile('features.json')));

/** A game as predict takes it. */
export type Game = Record<string, number>;

function gameOf(values: readonly unknown[]): Game {
  return Object.fromEntries(facts.feature_names.map((name, index) => [name, Number(values[index])]));
}

/** The rows of one of the example's CSV files. */
export function gamesIn(name: string): Game[] {
  const [header = [], ...rows] = z
    .array(z.array(z.string()))
    .parse(parse(readFileSync(nbaFile(name), 'utf8')));
  return rows.map((row) => gameOf(facts.feature_names.map((feature) => row[header.indexOf(feature)])));
}

/** The same games in a league that scores more. */
export function shifted(games: readonly Game[]): Game[] {
  return games.map((game) => ({
    ...game,
    home_points_last10: (game.home_points_last10 ?? 0) + 8,
    away_points_last10: (game.away_points_last10 ?? 0) + 8,
  }));
}

/** As CSV text, with a header. */
export function toCsv(games: readonly Game[]): string {
  const lines = games.map((game) => facts.feature_names.map((name) => game[name]).join(','));
  return `${[facts.feature_names.join(','), ...lines].join('\n')}\n`;
}

const answers = z.object({ label: z.array(z.number()), probabilities: z.array(z.array(z.number())) });
const parity = z
  .object({
    features: z.array(z.array(z.number())),
    expected: z.object({ v1: answers, v2: answers }),
  })
  .parse(readJson(new URL('../examples/nba/expected.json', import.meta.url)));

/** Games that scikit-learn was asked about, and what it answered. */
export const askedGames = parity.features.map(gameOf);
export const learned = parity.expected;
