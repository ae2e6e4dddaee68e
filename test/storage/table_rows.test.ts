import fc from 'fast-check';
import { sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import type { OpenDatabase } from '../../src/storage/database.ts';
import { readSnapshot } from '../../src/storage/snapshot.ts';
import { tableCatalogue } from '../../src/storage/table_catalogue.ts';
import { type Cell, insertRows, lineToRow, rowToLine, tablePages } from '../../src/storage/table_rows.ts';
import { describeOnEachDatabase } from './databases.ts';

describe('a row as a line', () => {
  const cell = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.constant(null),
  );

  test('comes back as it was', () => {
    fc.assert(
      fc.property(fc.array(cell), (row) => {
        const line = rowToLine(row);
        expect(line).not.toContain('\n');
        // JSON knows one zero only.
        const expected = row.map((value) => (Object.is(value, -0) ? 0 : value));
        expect(lineToRow(line)).toEqual(expected);
      }),
    );
  });

  test.each(['', '{}', '[[1]]', '[{"base64":"?"}]', '[true]', '[{"integer":"1e3"}]'])(
    'that is none is refused: %s',
    (line) => {
      expect(() => lineToRow(line)).toThrow();
    },
  );
});

test('the catalogue has each table after those that its rows refer to', async () => {
  const tables = await tableCatalogue();
  const at = (name: string) => tables.findIndex((table) => table.name === name);
  for (const [before, after] of [
    ['models', 'versions'],
    ['stage_transitions', 'versions'],
    ['versions', 'deployments'],
    ['deployments', 'routes'],
    ['versions', 'aliases'],
  ] as const)
    expect(at(before), `${before} before ${after}`).toBeLessThan(at(after));
  expect(at('models')).toBeGreaterThanOrEqual(0);
  expect(tables.map(({ name }) => name)).not.toContain('kysely_migration');
  expect(tables.find(({ name }) => name === 'versions')?.columns).toContain('artifact_sha256');
});

describeOnEachDatabase('the rows of a table', (store) => {
  let opened: OpenDatabase;
  const table = { name: 'of a test', columns: ['key', 'whole', 'real', 'bytes', 'order'] };
  beforeAll(async () => {
    opened = await store.open();
    const blob = sql.raw(store.kind === 'sqlite' ? 'blob' : 'bytea');
    await sql`create table "of a test" (
      "key" text primary key, "whole" bigint, "real" double precision, "bytes" ${blob}, "order" text
    )`.execute(opened.database);
  });

  const read = async (description = table) => {
    const pages: Cell[][][] = [];
    await readSnapshot(opened, async (snapshot) => {
      for await (const page of tablePages(snapshot, opened.kind, description)) pages.push(page);
    });
    return pages;
  };

  test('come back as they were put in: whole numbers, reals, bytes, any text', async () => {
    const rows: Cell[][] = [
      ['a', 2 ** 53 - 1, 0.1, Buffer.from([0, 255, 10, 13, 0]), 'it\'s "quoted"\n😀'],
      ['b', -1, 5e-324, Buffer.alloc(0), ''],
      ['c', null, null, null, null],
      ['d', 0, Number.POSITIVE_INFINITY, Buffer.from('text'), 'é'.normalize('NFD')],
    ];
    await insertRows(opened.database, opened.kind, table, rows);
    const found = (await read()).flat().toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
    expect(found).toEqual(rows);
    expect(found.map((row) => lineToRow(rowToLine(row)))).toEqual(rows);
    await sql`delete from "of a test"`.execute(opened.database);
  });

  test('are read in pages of bounded size, as they were when the reading began', async () => {
    const text = 'x'.repeat(300_000);
    const rows = Array.from({ length: 100 }, (_, index): Cell[] => [
      `row ${index}`,
      index,
      index / 3,
      null,
      text,
    ]);
    await insertRows(opened.database, opened.kind, table, rows);
    const other = await store.open();
    const seen: Cell[] = [];
    const sizes: number[] = [];
    await readSnapshot(opened, async (snapshot) => {
      for await (const page of tablePages(snapshot, opened.kind, table)) {
        sizes.push(page.length);
        seen.push(...page.map(([key]) => key ?? null));
        await insertRows(other.database, other.kind, table, [[`later ${sizes.length}`, 0, 0, null, '']]);
      }
    });
    expect(seen.toSorted()).toEqual(rows.map(([key]) => key).toSorted());
    // Of 300 KB each, some 4 MB together.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(16);
    expect(await read().then((pages) => pages.flat().length)).toBe(100 + sizes.length);
    await sql`delete from "of a test"`.execute(opened.database);
  });

  test('are read in small pages also where large ones follow thousands of small ones', async () => {
    const small = Array.from({ length: 7000 }, (_, index): Cell[] => [`s${index}`, 0, 0, null, 'x']);
    const large = Array.from({ length: 8 }, (_, index): Cell[] => [
      `l${index}`,
      0,
      0,
      Buffer.alloc(3_000_000, index),
      null,
    ]);
    for (const rows of [small, large, small.map(([key, ...rest]): Cell[] => [`t${key}`, ...rest])])
      await insertRows(opened.database, opened.kind, table, rows);
    const pages = await read();
    expect(pages.flat()).toHaveLength(14_008);
    for (const page of pages)
      expect(
        page.reduce((sum, [, , , bytes]) => sum + (Buffer.isBuffer(bytes) ? bytes.length : 0), 0),
      ).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(pages.length).toBeLessThan(20);
  });

  test('come from a table that is kept in the order of its key too', async () => {
    const without = sql.raw(store.kind === 'sqlite' ? 'without rowid' : '');
    await sql`create table "in order" (b text, a bigint, value text, primary key (a, b)) ${without}`.execute(
      opened.database,
    );
    const ordered = { name: 'in order', columns: ['value', 'b', 'a'] };
    const rows = Array.from({ length: 12_000 }, (_, index): Cell[] => [
      `v${index}`,
      `b${index % 7}`,
      Math.floor(index / 7),
    ]);
    await insertRows(opened.database, opened.kind, ordered, rows);
    const found = (await read(ordered)).flat();
    expect(found.map(String).toSorted()).toEqual(rows.map(String).toSorted());
  });
});
