import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Prompt } from './prompt.ts';

const model_id = 'nba-tour';

const featuresFile = z.looseObject({ feature_names: z.array(z.string()), class_labels: z.array(z.string()) });

/** One evening's game. */
const game = {
  home_points_last10: 113,
  home_points_allowed_last10: 102.6,
  home_win_share: 0.5345,
  home_wins_last5: 1,
  home_rest_days: 1,
  home_back_to_back: 0,
  away_points_last10: 117.9,
  away_points_allowed_last10: 115.6667,
  away_win_share: 0.5952,
  away_wins_last5: 4,
  away_rest_days: 1,
  away_back_to_back: 0,
  net_rating_difference: 2.433,
};

/** A tour with the example model. @param folder where its files are: examples/nba */
export function firstTour(folder: string): Prompt {
  const file = (name: string) => join(folder, name);
  return {
    name: 'first_tour',
    title: 'A first tour with the example model',
    description: 'Deploys, asks, replaces and watches the NBA example model that comes with ModelYard.',
    needs: ['deploy_model', 'predict'],
    arguments: [],
    goal: () =>
      'Show the person what ModelYard does, with the example model (will the home team win?). After each call explain in a sentence or two what happened.',
    steps() {
      const { feature_names, class_labels } = featuresFile.parse(
        JSON.parse(readFileSync(file('features.json'), 'utf8')),
      );
      return [
        {
          tool: 'deploy_model',
          given: { model_id, version: 'v1', source: file('home_win_v1.onnx'), feature_names, class_labels },
          why: 'Registered, loaded, warmed, serving. VERSION_EXISTS: the tour was taken before; go on.',
        },
        { tool: 'predict', given: { model_id, inputs: [game] }, why: 'A probability for the home team.' },
        {
          tool: 'set_reference_data',
          given: { model_id, path: file('reference.csv') },
          why: 'The training rows, to compare with.',
        },
        {
          tool: 'detect_drift',
          given: { model_id, current_path: file('season.csv') },
          why: 'A season against the training rows: has the league changed?',
        },
        {
          tool: 'deploy_model',
          given: {
            model_id,
            version: 'v2',
            source: file('home_win_v2.onnx'),
            feature_names,
            class_labels,
            parent_version: 'v1',
            set_active: false,
          },
          why: 'A second version stands beside; callers still get v1.',
        },
        {
          tool: 'backtest',
          given: {
            model_id,
            version: 'v2',
            against: 'v1',
            path: file('season.csv'),
            outcome_column: 'actual',
          },
          why: 'Both on a season whose results are known: which is better?',
        },
        {
          tool: 'set_traffic',
          given: { model_id, weights: { v1: 0.9, v2: 0.1 } },
          why: 'A tenth of the calls to v2. start_rollout does that step by step and by evidence.',
        },
        { tool: 'health_check', given: { model_id }, why: 'Both versions, with their calls and breakers.' },
        {
          tool: 'get_model',
          given: { model_id },
          why: `All that is known of it; the same as the resource modelyard://models/${model_id}.`,
        },
      ];
    },
    report:
      'What was seen, and what the person could do with a model of their own: the prompt deploy_and_verify leads through it. delete_model removes the example again.',
  };
}
