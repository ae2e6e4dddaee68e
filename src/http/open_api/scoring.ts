import { z } from 'zod';
import { scoringParameters } from '../mlflow_scoring/parse_invocation.ts';
import { scoringAnswerSchema } from '../mlflow_scoring/scoring_answer.ts';
import type { Description, Descriptions } from './description.ts';

const values = z.array(z.unknown());
const rows = z.array(z.record(z.string(), z.unknown())).min(1);
const params = scoringParameters.nullish();

/** With exactly one of the fields that hold rows. */
const invocation = z.union([
  z.strictObject({
    dataframe_split: z.strictObject({
      columns: z.array(z.union([z.string(), z.int()])).optional(),
      data: z.array(values).min(1),
      index: values.optional(),
    }),
    params,
  }),
  z.strictObject({ dataframe_records: rows, params }),
  z.strictObject({ instances: values.min(1), params }),
  z.strictObject({ inputs: z.union([values.min(1), z.record(z.string(), z.unknown())]), params }),
]);

const invocations: Description = {
  tag: 'MLflow scoring',
  summary: "Scores rows by MLflow's protocol; logs each.",
  body: { isRequired: true, content: { 'application/json': invocation, 'text/csv': z.string().min(1) } },
  answers: {
    200: {
      description: 'One value a row, or outputs by name.',
      content: { 'application/json': scoringAnswerSchema },
    },
    415: { description: 'The content type is not taken here.', content: { 'text/plain': z.string() } },
  },
  errors: 'mlflow',
};

const ping: Description = {
  tag: 'MLflow scoring',
  summary: 'Whether the model of --model is answered here.',
  answers: {
    200: { description: 'It is. The body is an empty line.' },
    503: { description: 'It is not, or the server is about to end.' },
  },
  errors: 'mlflow',
};

export const scoringDescriptions: Descriptions = {
  'POST /models/:id/invocations': invocations,
  'POST /invocations': { ...invocations, summary: 'As /models/{id}/invocations, of the model of --model.' },
  'GET /ping': ping,
  'GET /health': ping,
  'GET /version': {
    tag: 'MLflow scoring',
    summary: "ModelYard's version.",
    answers: { 200: { description: 'The version.', content: { 'text/plain': z.string() } } },
    errors: 'mlflow',
  },
};
