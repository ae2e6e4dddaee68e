import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseYaml } from '../../src/mlflow/yaml.ts';

const { cases } = z
  .object({ cases: z.array(z.object({ value: z.unknown(), text: z.string() })) })
  .parse(JSON.parse(readFileSync(new URL('yaml_cases.json', import.meta.url), 'utf8')));

describe('reads as PyYAML does', () => {
  test.each(cases)('$text', ({ value, text }) => {
    expect(parseYaml(text)).toEqual(value);
  });
});

test('reads JSON', () => {
  expect(parseYaml('{"a": [1, {"b": null}]}\n')).toEqual({ a: [1, { b: null }] });
});

test('numbers and dates stay text: an id that looks like one is not changed', () => {
  expect(parseYaml('run_id: 1234567890123456789012345678e123\nday: 2026-01-31\nsize: 007\n')).toEqual({
    run_id: '1234567890123456789012345678e123',
    day: '2026-01-31',
    size: '007',
  });
});

test.each([
  ["a: 'never closed\n", 2],
  ['a: b\n   c: d\n', 1],
  ['a: b\n- c\n', 2],
  ['a: 1\na: 2\n', 2],
  ['a: !!python/object:os.system x\n', 1],
  ['a: b\n--- \nc: d\n', 2],
])('refuses %j in one sentence that names line %i', (text, line) => {
  expect(() => parseYaml(text)).toThrow(new RegExp(`^[^\\n]* at line ${line}, column \\d+$`));
});

test('refuses an alias of nothing by its name', () => {
  expect(() => parseYaml('a: *nowhere\n')).toThrow(/alias.*nowhere/);
});

test('refuses aliases that multiply', () => {
  const bomb = Array.from(
    { length: 12 },
    (_, level) =>
      `k${level}: &a${level} [${Array.from({ length: 9 }, () => (level === 0 ? 'x' : `*a${level - 1}`)).join(', ')}]`,
  ).join('\n');
  expect(() => parseYaml(bomb)).toThrow(/alias/);
});

const many = 200_000;
test.each([
  ['brackets', `a: ${'['.repeat(many)}`],
  ['closed brackets', `a: ${'['.repeat(many)}${']'.repeat(many)}`],
  ['braces', `a: ${'{a: '.repeat(many)}`],
  ['items', '- '.repeat(many)],
  ['keys', '? '.repeat(many)],
  ['indentation', Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}k:`).join('\n')],
  ['indented items', Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}-`).join('\n')],
])('refuses %s nested without end', (_, text) => {
  expect(() => parseYaml(text)).toThrow('it is nested too deeply');
});

test('refuses more than any model has, before it costs seconds', () => {
  expect(() => parseYaml(`a:\n${'- x\n'.repeat(300_000)}`)).toThrow('more parts');
  const names = Array.from({ length: 10_000 }, (_, index) => `column ${index}`);
  expect(parseYaml(`a:\n${names.map((name) => `- ${name}\n`).join('')}`)).toEqual({ a: names });
});
