import { expect, test } from 'vitest';
import { z } from 'zod';
import { catalogue } from '../../tools/index.ts';

interface Node {
  type?: string | string[];
  properties?: Record<string, Node>;
  items?: Node;
  additionalProperties?: Node | boolean;
  anyOf?: Node[];
}

/** Names of what is counted, wherever it stands. */
const counted =
  /^(rows|count|calls|errors|total|units|runs|bytes|line|trips|limit|buckets|instances|matched|replaced|already_set|empty|logged|queued|sent|.*_(rows|count|total|bytes|n|calls))$/;

/** The paths of fields that are counts and may be fractions by their schema. */
function fractions(node: Node, path: string): string[] {
  const inside = Object.entries(node.properties ?? {}).flatMap(([name, field]) => [
    ...(counted.test(name) && kindsOf(field).includes('number') ? [`${path}.${name}`] : []),
    ...fractions(field, `${path}.${name}`),
  ]);
  const others = [node.items, node.additionalProperties, ...(node.anyOf ?? [])];
  return [...inside, ...others.flatMap((other) => (typeof other === 'object' ? fractions(other, path) : []))];
}

function kindsOf({ type, anyOf = [] }: Node): string[] {
  return [type ?? [], ...anyOf.map(kindsOf)].flat();
}

test.each(catalogue.map((tool) => [tool.name, tool] as const))('%s counts in whole numbers', (name, tool) => {
  const found = (['input', 'output'] as const).flatMap((io) => {
    const schema: Node = JSON.parse(
      JSON.stringify(z.toJSONSchema(tool[io], { io, unrepresentable: 'any', reused: 'inline' })),
    );
    return fractions(schema, `${name} ${io}`);
  });
  expect(found).toEqual([]);
});

test('a count that may be a fraction is found, also deep inside', () => {
  const schema = z.object({ parts: z.array(z.object({ rows: z.number().nullable(), share: z.number() })) });
  expect(fractions(JSON.parse(JSON.stringify(z.toJSONSchema(schema))), 'x')).toEqual(['x.parts.rows']);
});
