import { z } from 'zod';
import type { HttpContext } from '../http_context.ts';
import type { Content, Description, Descriptions } from './description.ts';
import { openInferenceDescriptions } from './open_inference.ts';
import { scoringDescriptions } from './scoring.ts';

/** Every operation, in the order of the guide. */
export function descriptions(context: Pick<HttpContext, 'tool'>): Descriptions {
  return {
    ...healthDescriptions,
    ...recordDescriptions(context),
    ...fileDescriptions,
    ...openInferenceDescriptions,
    ...scoringDescriptions,
    ...overviewDescriptions,
    ...metricsDescription,
    ...ownDescription,
  };
}

const overview = z.looseObject({ server: z.strictObject({ version: z.string(), store: z.string() }) });
const overviewPage = z.strictObject({
  total: z.int(),
  models: z.array(z.looseObject({ model_id: z.string() })),
  next: z.string().nullish(),
});

const overviewDescriptions: Descriptions = {
  'GET /v1/overview': {
    tag: 'about',
    summary: 'What is in service and how it does, as the page for people shows it.',
    answers: { 200: { description: 'A summary.', content: { 'application/json': overview } } },
    errors: 'plain',
  },
  'GET /v1/overview/models': {
    tag: 'about',
    summary: 'Models with what is deployed of them, by pages.',
    parameters: [
      { name: 'name', in: 'query', description: "Part of a model's id.", schema: z.string().min(1).max(128) },
      { name: 'in_service', in: 'query', description: 'Only those.', schema: z.enum(['true', 'false']) },
      { name: 'limit', in: 'query', description: 'Models a page.', schema: z.int().min(1).max(100) },
      {
        name: 'after',
        in: 'query',
        description: '`next` of the page before.',
        schema: z.string().min(1).max(128),
      },
    ],
    answers: { 200: { description: 'A page.', content: { 'application/json': overviewPage } } },
    errors: 'plain',
  },
};

const metricsDescription: Descriptions = {
  'GET /metrics': {
    tag: 'about',
    summary: 'Numbers for Prometheus, of all workers.',
    answers: { 200: { description: 'The text format.', content: { 'text/plain': z.string() } } },
    errors: 'plain',
  },
};

const upload = z.strictObject({
  name: z.string(),
  path: z.string().describe('As tools name it'),
  bytes: z.int().min(0),
  sha256: z.string(),
  uploaded_at: z.iso.datetime(),
  uploaded_by: z.string(),
});

const fileDescriptions: Descriptions = {
  'PUT /v1/files/:name': {
    tag: 'files',
    summary: 'Takes the body in as a file, which tools name upload:NAME.',
    body: { isRequired: true, content: { 'application/octet-stream': {} } },
    answers: { 201: { description: 'It is there.', content: { 'application/json': upload } } },
    errors: 'plain',
  },
  'GET /v1/files': {
    tag: 'files',
    summary: 'The files that were uploaded.',
    answers: {
      200: {
        description: 'All of them.',
        content: { 'application/json': z.strictObject({ files: z.array(upload) }) },
      },
    },
    errors: 'plain',
  },
  'GET /v1/files/:name': {
    tag: 'files',
    summary: 'The bytes of a file: one that was uploaded, or that predict_file wrote.',
    answers: { 200: { description: 'The file.', content: { 'application/octet-stream': {} } } },
    errors: 'plain',
  },
  'DELETE /v1/files/:name': {
    tag: 'files',
    summary: 'Deletes a file that was uploaded.',
    answers: {
      200: {
        description: 'It is gone.',
        content: { 'application/json': z.strictObject({ name: z.string() }) },
      },
    },
    errors: 'plain',
  },
};

const ownDescription: Descriptions = {
  'GET /openapi.json': {
    tag: 'about',
    summary: 'This document.',
    answers: {
      200: { description: 'An OpenAPI document.', content: { 'application/json': { type: 'object' } } },
    },
    errors: 'plain',
  },
};

const live = z.strictObject({ live: z.literal(true) });
const ready = z.strictObject({ ready: z.boolean() });

const healthDescriptions: Descriptions = {
  'GET /v2/health/live': {
    tag: 'health',
    summary: 'Whether the process runs.',
    answers: { 200: { description: 'It does.', content: { 'application/json': live } } },
    errors: 'plain',
  },
  'GET /v2/health/ready': {
    tag: 'health',
    summary: 'Whether calls are wanted here.',
    answers: {
      200: { description: 'They are.', content: { 'application/json': ready } },
      503: { description: 'The server is about to end.', content: { 'application/json': ready } },
    },
    errors: 'plain',
  },
};

function recordDescriptions(context: Pick<HttpContext, 'tool'>): Descriptions {
  const ofTool = (name: string, summary: string): Description => {
    const { input, output } = context.tool(name);
    return {
      tag: 'records',
      summary,
      body: { isRequired: true, content: json(withoutModel(input)) },
      answers: { 200: { description: `As the tool ${name} answers.`, content: json(output) } },
      errors: 'plain',
    };
  };
  return {
    'POST /v1/models/:id/predict': ofTool('predict', 'Predicts records or tensors; logs each row.'),
    'POST /v1/models/:id/outcomes': ofTool(
      'record_outcomes',
      'Records what came true of predictions that were logged.',
    ),
  };
}

/** The arguments of a tool without the model, which stands in the path. */
function withoutModel(input: z.ZodObject): z.ZodObject {
  const { model_id: _, ...shape } = input.shape;
  return z.strictObject(shape);
}

function json(schema: z.ZodType): Content {
  return { 'application/json': schema };
}
