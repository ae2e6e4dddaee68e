import { expect, test } from 'vitest';
import { findReference, readReferenceColumns } from '../../../src/monitoring/reference/reference.ts';
import { profileReference } from '../../../src/monitoring/reference/reference_profile.ts';
import { encodeProfile } from '../../../src/monitoring/reference/stored_column.ts';
import { insertReference, writeReferenceColumns } from '../../../src/monitoring/reference/write_reference.ts';
import { seeder } from '../../registry/seed.ts';
import { describeOnEachDatabase } from '../../storage/databases.ts';

describeOnEachDatabase('a reference', (store) => {
  test('of many columns, long ones among them, comes back in their order', async () => {
    const { database } = await store.open();
    const record = await seeder(database, store.address.directory)({ modelId: 'm', version: '1' });
    const numbers = (name: string, rows: number) =>
      encodeProfile(
        profileReference({
          name,
          kind: 'numeric',
          values: Float64Array.from({ length: rows }, (_, row) => (row + 1) / (rows + 1)),
        }),
      );
    // Columns of 8 bytes a row: more than are written at once, by number, together and by themselves.
    const rowsOf = (index: number) => (index % 50 === 7 ? 40_000 : index > 100 ? 5000 : 3);
    const features = Array.from({ length: 171 }, (_, index) => numbers(`f${index}`, rowsOf(index)));
    const predictions = [numbers('P(a)', 3), numbers('P(b)', 3)];
    const kept = { rows: 0, outcomes: 0, bytes: new Uint8Array([1]) };
    const made = { source: 'a test', rows: 3, features, predictions, kept };
    const referenceId = await writeReferenceColumns(database, made, 1);
    await insertReference(database, record, { referenceId, rows: 3, source: 'a test' }, 1, 'operator');

    const found = await findReference(database, record, undefined);
    expect(found.features.map(({ name, count }) => [name, count])).toEqual(
      features.map(({ name }, index) => [name, rowsOf(index)]),
    );
    expect(found.predictions.map(({ name }) => name)).toEqual(['P(a)', 'P(b)']);
    const stored = await readReferenceColumns(database, found, 'features', () => true);
    expect(stored.map(({ name }) => name)).toEqual(features.map(({ name }) => name));
    for (const [index, { bytes }] of stored.entries())
      expect(Buffer.compare(bytes, features[index]?.bytes ?? Buffer.alloc(0)), `f${index}`).toBe(0);
  });
});
