import { z } from 'zod';

/** A schema, or what zod cannot say as JSON Schema. */
export type Schema = z.ZodType | { readonly [keyword: string]: unknown };

/** What a body may be, by its content type. */
export type Content = Readonly<Record<string, Schema>>;

/** How the errors of an operation are shown; the protocols differ. */
export type ErrorForm = 'plain' | 'mlflow' | 'open_inference';

/** What an operation takes and answers; who may call it stands with its route. */
export interface Description {
  /** The protocol that it belongs to. */
  tag: string;
  summary: string;
  /** Query parameters and headers. */
  parameters?: readonly { name: string; in: 'query' | 'header'; description: string; schema: Schema }[];
  body?: { content: Content; isRequired: boolean };
  /** The answers that are no errors, and errors with a form of their own, by status. */
  answers: Readonly<Record<number, { description: string; content?: Content }>>;
  errors: ErrorForm;
}

/** Descriptions by `METHOD path`, the path as Fastify has it. */
export type Descriptions = Readonly<Record<string, Description>>;

/** A schema as OpenAPI 3.1 has it: JSON Schema of 2020-12. */
export function jsonSchemaOf(schema: Schema, io: 'input' | 'output'): Record<string, unknown> {
  if (!(schema instanceof z.ZodType)) return { ...schema };
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    unrepresentable: 'any',
    reused: 'inline',
  });
  return rest;
}
