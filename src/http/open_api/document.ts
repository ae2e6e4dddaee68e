import type { Permission } from '../../access/roles.ts';
import { packageVersion } from '../../package_info.ts';
import { type Content, type Description, type Descriptions, jsonSchemaOf } from './description.ts';
import { errorSchemas, failures, openFailures } from './errors.ts';

/** A route as it was added to the server. */
export interface Route {
  method: string;
  /** As Fastify has it: `/v1/models/:id/predict`. */
  url: string;
  permission: Permission | 'none';
  operation: string | undefined;
}

/** What is no operation of an application's: pages for people, and MCP, which describes itself. */
const apart: readonly (string | undefined)[] = ['page', 'mcp'];

/**
 * The OpenAPI document of routes, version 3.1.
 * @throws Error for a route that nothing describes
 */
export function openApiDocument(routes: readonly Route[], descriptions: Descriptions): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    if (apart.includes(route.operation)) continue;
    const description = descriptions[`${route.method} ${route.url}`];
    if (description === undefined) throw new Error(`nothing describes ${route.method} ${route.url}`);
    const path = route.url.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, description) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'ModelYard',
      version: packageVersion,
      description: 'Deployed models over HTTP: predictions, outcomes and health, by several protocols.',
    },
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'Made by `modelyard token create`. While there is none, this machine may read and predict without.',
        },
      },
      schemas: Object.fromEntries(
        Object.entries(errorSchemas).map(([form, schema]) => [
          errorName(form),
          jsonSchemaOf(schema, 'output'),
        ]),
      ),
    },
  };
}

function operation({ method, url, permission }: Route, description: Description): object {
  const { tag, summary, parameters = [], body, answers, errors } = description;
  const inPath = [...url.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1, maxLength: 128 },
  }));
  const statuses = permission === 'none' ? openFailures : Object.keys(failures).map(Number);
  const refused = Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: failures[status],
        content: { 'application/json': { schema: { $ref: `#/components/schemas/${errorName(errors)}` } } },
      },
    ]),
  );
  const answered = Object.fromEntries(
    Object.entries(answers).map(([status, { description: what, content }]) => [
      status,
      { description: what, ...(content && { content: contentOf(content, 'output') }) },
    ]),
  );
  return {
    operationId: `${method.toLowerCase()}${url.replace(/[^A-Za-z0-9]+/g, '_')}`.replace(/_$/, ''),
    tags: [tag],
    summary,
    security: permission === 'none' ? [] : [{ token: [] }],
    parameters: [
      ...inPath,
      ...parameters.map(({ schema, ...parameter }) => ({
        ...parameter,
        schema: jsonSchemaOf(schema, 'input'),
      })),
    ],
    ...(body && {
      requestBody: { required: body.isRequired, content: contentOf(body.content, 'input') },
    }),
    responses: { ...refused, ...answered },
  };
}

function contentOf(content: Content, io: 'input' | 'output'): object {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [type, { schema: jsonSchemaOf(schema, io) }]),
  );
}

function errorName(form: string): string {
  return `error_${form}`;
}
