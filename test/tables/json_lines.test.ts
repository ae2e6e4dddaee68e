import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';
import { copyFile } from './tables.ts';

const folder = temporaryDirectory();
const path = join(folder, 'rows.jsonl');
const read = (text: string, options?: Parameters<typeof copyFile>[2]) => {
  writeFileSync(path, text);
  return copyFile(path, folder, options);
};
const linesOf = (written: Buffer) => written.toString().split('\n').slice(0, -1);

describe('a JSON Lines file', () => {
  test('keeps every member as it was written, and adds the results', async () => {
    const text = [
      '{"b": 1.10, "a": 12345678901234567890, "2": [1, {"x": null}], "1": "}"}',
      '{ }',
      '',
      ' {"__proto__": {"a": 1}, "a": 1e400}\r',
    ].join('\n');
    const { written, columns, rows } = await read(text, {
      results: [
        { name: 'prediction', type: 'number' },
        { name: 'P("x")', type: 'number' },
        { name: 'error', type: 'text' },
      ],
      cellsOf: ({ line }) => (line === 2 ? [undefined, undefined, 'no "a"'] : [0.5, null, undefined]),
    });
    expect(linesOf(written)).toEqual([
      '{"b": 1.10, "a": 12345678901234567890, "2": [1, {"x": null}], "1": "}","prediction":0.5,"P(\\"x\\")":null}',
      '{"error":"no \\"a\\""}',
      '{"__proto__": {"a": 1}, "a": 1e400,"prediction":0.5,"P(\\"x\\")":null}',
    ]);
    expect(columns.toSorted()).toEqual(['1', '2', '__proto__', 'a', 'b']);
    expect(rows.map(({ line }) => line)).toEqual([1, 2, 4]);
  });

  test('survives any values', async () => {
    const objects = fc.array(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), {
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(objects, async (given) => {
        const { written } = await read(given.map((object) => `${JSON.stringify(object)}\n`).join(''));
        expect(linesOf(written).map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(given)));
      }),
    );
  });

  test('gives the features that a row has, entity and outcome', async () => {
    const { rows } = await read('{"x":1,"y":"a","id":7,"real":2.5}\n{"y":null}\n', {
      features: { x: 'FP32', y: 'BYTES' },
      entityColumn: 'id',
      outcomeColumn: 'real',
    });
    expect(rows.map(({ features, entityKey, outcome }) => [{ ...features }, entityKey, outcome])).toEqual([
      [{ x: 1, y: 'a' }, '7', 2.5],
      [{ y: null }, null, null],
    ]);
  });

  test('a line that is no object fails by itself', async () => {
    const { rows, written } = await read('{"x":1}\n[1]\n{"x":\n"x"\n{"x":2}', {
      results: [{ name: 'error', type: 'text' }],
      cellsOf: ({ fault }) => [fault],
    });
    expect(rows.map(({ line, fault }) => [line, fault !== undefined])).toEqual([
      [1, false],
      [2, true],
      [3, true],
      [4, true],
      [5, false],
    ]);
    expect(linesOf(written)[1]).toBe('{"error":"The line is not a JSON object."}');
  });

  test('a member of the name of a result stops it', async () => {
    const text = `${'{"x":1}\n'.repeat(150)}{"x":1,"prediction":2}\n`;
    await expect(
      read(text, { results: [{ name: 'prediction', type: 'number' }], cellsOf: () => [1] }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('line 151') });
  });

  test('that is empty, or one endless line, is refused', async () => {
    await expect(read('\n \n')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(read(`{"x":"${'a'.repeat(4_100_000)}"}`)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('line 1'),
    });
  });
});
