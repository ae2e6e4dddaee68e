import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseYaml } from '../../src/mlflow/yaml.ts';

const { cases } = z
  .object({ cases: z.array(z.object({ value: z.unknown(), text: z.string() })) })
  .parse(JSON.parse(readFileSync(new URL('yaml_cases.json', import.meta.url), 'utf8')));

describe('reads what PyYAML wrote', () => {
  test.each(cases)('$text', ({ value, text }) => {
    expect(parseYaml(text)).toEqual(value);
  });
});

test('reads JSON', () => {
  expect(parseYaml('{"a": [1, {"b": null}]}\n')).toEqual({ a: [1, { b: null }] });
});

test.each([
  'a: &anchor\n  b: c\nd: *anchor\n',
  'a: |\n  block\n',
  "a: 'never closed\n",
  'a: b\n   c: d\n',
  'just text\n',
  '? a key in a line of its own\n: value\n',
  'a: {b: c}\n',
  'a: b\n- c\n',
  `${Array.from({ length: 60 }, (_, depth) => `${' '.repeat(depth)}k:`).join('\n')}\n`,
])('refuses %j', (text) => {
  expect(() => parseYaml(text)).toThrow(/line \d+ cannot be read/);
});
