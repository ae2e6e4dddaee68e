import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { packageDirectory } from '../../src/package_info.ts';

const example = join(packageDirectory, 'examples', 'nba');
export const modelFile = join(example, 'home_win_v1.onnx');
const facts = z
  .object({ feature_names: z.array(z.string()), class_labels: z.array(z.string()) })
  .parse(JSON.parse(readFileSync(join(example, 'features.json'), 'utf8')));
export const featureNames = facts.feature_names;
export const classLabels = facts.class_labels;

/** Games of the example, each with its features in the model's order. */
function games(count: number): number[][] {
  const [header = '', ...lines] = readFileSync(join(example, 'season.csv'), 'utf8').trimEnd().split('\n');
  const columns = header.split(',');
  return lines.slice(0, count).map((line) => {
    const cells = line.split(',');
    return featureNames.map((name) => Number(cells[columns.indexOf(name)]));
  });
}

/** How rows are sent, and how the probability of the second class is read from the answer. */
export interface Form {
  body(rows: number): string;
  read(answer: unknown): number[];
}

const recordsAnswer = z.object({
  predictions: z.array(
    z.object({ probabilities: z.union([z.array(z.number()), z.record(z.string(), z.number())]) }),
  ),
});
const tensorsAnswer = z.object({
  outputs: z.array(z.object({ name: z.string(), data: z.array(z.unknown()) })),
});
const scoringAnswer = z.object({
  predictions: z.object({ probabilities: z.array(z.array(z.number())) }),
});

export const forms = {
  /** A list of objects, as applications write them. */
  records: {
    body: (rows) =>
      JSON.stringify({
        inputs: games(rows).map((game) =>
          Object.fromEntries(featureNames.map((name, column) => [name, game[column]])),
        ),
      }),
    read: (answer) =>
      recordsAnswer
        .parse(answer)
        .predictions.map(({ probabilities }) => Object.values(probabilities)[1] ?? Number.NaN),
  },
  /** The Open Inference Protocol, tensors as JSON. */
  'open inference': {
    body: (rows) =>
      JSON.stringify({
        inputs: [
          {
            name: 'features',
            datatype: 'FP32',
            shape: [rows, featureNames.length],
            data: games(rows).flat(),
          },
        ],
      }),
    read: (answer) => {
      const output = tensorsAnswer.parse(answer).outputs.find(({ name }) => name === 'probabilities');
      return output?.data.filter((_, index) => index % 2 === 1).map(Number) ?? [];
    },
  },
  /** MLflow's scoring protocol, a named tensor. */
  'mlflow scoring': {
    body: (rows) => JSON.stringify({ inputs: { features: games(rows) } }),
    read: (answer) =>
      scoringAnswer.parse(answer).predictions.probabilities.map(([, second]) => second ?? Number.NaN),
  },
} satisfies Record<string, Form>;

export type FormName = keyof typeof forms;
