import { expect, test } from 'vitest';
import { placeOf } from '../../../src/serving/remote/placed_name.ts';

const placed = (key: string, sha256 = 'ab12', storeId = 'one') =>
  placeOf({ kind: 'pushed' }, storeId, { key, artifact: { sha256, bytes: 1 } });

test('a version has one name, which no other model, version, file or store has', () => {
  const names = [
    placed('m@1'),
    placed('m-1@2'),
    placed('m@1-2'),
    placed('m@2'),
    placed('m@1', 'ab13'),
    placed('m@1', 'ab12', 'two'),
  ].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(placed('m@1')).toEqual(placed('m@1'));
});

test('it has nothing in it that a path or an address would read otherwise', () => {
  const { name } = placed('../../etc/pass wd%2f…@1.0/?#');
  expect(name).toMatch(/^modelyard-[A-Za-z0-9_-]{1,40}-[0-9a-f]{24}$/);
  expect(placed('m'.repeat(500)).name.length).toBeLessThan(80);
});

test('where a version is served already, it has the name that the setting makes of it', () => {
  const model = { key: 'churn@1.2', artifact: { sha256: 'ab12', bytes: 1 } };
  const served = (name: string, version?: string) => placeOf({ kind: 'served', name, version }, 'one', model);
  expect(served('{model_id}', '{version}')).toEqual({ name: 'churn', version: '1.2' });
  expect(served('{model_id}-{sha256}')).toEqual({ name: 'churn-ab12', version: undefined });
});
