import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { builtFile } from '../../built_file.ts';
import { ModelYardError } from '../../errors.ts';
import { packageVersion } from '../../package_info.ts';
import type { HttpContext } from '../http_context.ts';
import { modelAnswer, summaryAnswer } from './overview_answer.ts';

/** The page's files. They hold nothing of the store, so anybody may have them: what they show, they ask for with a token. */
const files = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page/elements.js': ['elements.js', 'text/javascript; charset=utf-8'],
  '/page/models.js': ['models.js', 'text/javascript; charset=utf-8'],
  '/page/summary.js': ['summary.js', 'text/javascript; charset=utf-8'],
  '/page/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page/icon.svg': ['icon.svg', 'image/svg+xml'],
} as const;

/** Nothing but the page's own files runs in it, and no stored text can become markup. */
const headers = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-cache',
};

const modelsQuery = z.strictObject({
  /** Part of a model's id. */
  name: z.string().min(1).max(128).optional(),
  in_service: z.enum(['true', 'false']).default('true'),
  limit: z.coerce.number().int().min(1).max(100).default(25),
  after: z.string().min(1).max(128).optional(),
});

/** `GET /`, a page for people that only reads, and the addresses that it reads from. */
export function pageRoutes(app: FastifyInstance, { services }: HttpContext): void {
  for (const [url, [name, type]] of Object.entries(files))
    app.get(url, { config: { permission: 'none', operation: 'page' } }, async (_, reply) =>
      reply
        .headers(headers)
        .type(type)
        .send(await readFile(builtFile(`page/${name}`))),
    );

  app.get('/v1/overview', { config: { permission: 'READ', operation: 'overview' } }, async () => {
    const { overview, store } = await services();
    return {
      server: { version: packageVersion, store: store.kind },
      ...summaryAnswer(await overview.summary()),
    };
  });

  app.get(
    '/v1/overview/models',
    { config: { permission: 'READ', operation: 'overview', takesQuery: true } },
    async (request) => {
      const { name, in_service, limit, after } = readQuery(request.query);
      const { overview } = await services();
      const page = await overview.models({ name, inService: in_service === 'true', limit, after });
      return { total: page.total, models: page.models.map(modelAnswer), next: page.next };
    },
  );
}

function readQuery(given: unknown): z.output<typeof modelsQuery> {
  const parsed = modelsQuery.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ModelYardError(
    'INVALID_INPUT',
    `${issue?.path.join('.') || 'The query'}: ${issue?.message ?? 'not as expected'}.`,
    'It takes name, in_service (true or false), limit (1 to 100) and after (next of the page before).',
  );
}
