import { z } from 'zod';
import { callSchema } from '../../open_inference/json_messages.ts';
import { datatypes } from '../../registry/datatypes.ts';
import type { Description, Descriptions, Schema } from './description.ts';

const tag = 'Open Inference Protocol';
const parameters = z.record(z.string(), z.unknown());
const tensor = z.strictObject({
  name: z.string(),
  datatype: z.enum(datatypes),
  shape: z.array(z.int()),
  data: z.array(z.unknown()).optional().describe('Flat; left out where the bytes follow the JSON'),
  parameters: parameters.optional(),
});
const inferred = z.strictObject({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  parameters: parameters.optional(),
  outputs: z.array(tensor),
});
const server = z.strictObject({ name: z.string(), version: z.string(), extensions: z.array(z.string()) });
const metadata = z.strictObject({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) });
const model = z.strictObject({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(metadata),
  outputs: z.array(metadata),
});
const ready = z.strictObject({ name: z.string(), ready: z.boolean() });
const index = z.array(
  z.strictObject({ name: z.string(), version: z.string(), state: z.string(), reason: z.string() }),
);

const answered = (schema: Schema): Description['answers'] => ({
  200: { description: 'As the protocol has it.', content: { 'application/json': schema } },
});

function ofModel(path: string): Descriptions {
  return {
    [`GET ${path}`]: {
      tag,
      summary: 'The inputs and outputs of a model.',
      answers: answered(model),
      errors: 'open_inference',
    },
    [`GET ${path}/ready`]: {
      tag,
      summary: 'Whether a model would answer now.',
      answers: {
        ...answered(ready),
        503: { description: 'It would not, or the store is away.', content: { 'application/json': {} } },
      },
      errors: 'open_inference',
    },
    [`POST ${path}/infer`]: {
      tag,
      summary: 'Predicts tensors; logs each row. Tensors may follow the JSON as bytes.',
      parameters: [
        {
          name: 'inference-header-content-length',
          in: 'header',
          description: 'Bytes of the JSON, where tensors follow it.',
          schema: z.int().min(1),
        },
      ],
      body: { isRequired: true, content: { 'application/json': callSchema, 'application/octet-stream': {} } },
      answers: {
        200: {
          description: 'The outputs.',
          content: { 'application/json': inferred, 'application/octet-stream': {} },
        },
      },
      errors: 'open_inference',
    },
  };
}

export const openInferenceDescriptions: Descriptions = {
  'GET /v2': {
    tag,
    summary: 'The server and its extensions.',
    answers: answered(server),
    errors: 'open_inference',
  },
  'POST /v2/repository/index': {
    tag,
    summary: 'Every deployed version.',
    body: { isRequired: false, content: { 'application/json': z.object({ ready: z.boolean().optional() }) } },
    answers: answered(index),
    errors: 'open_inference',
  },
  ...ofModel('/v2/models/:model'),
  ...ofModel('/v2/models/:model/versions/:version'),
};
