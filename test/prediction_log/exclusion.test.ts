import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exclusion } from '../../src/prediction_log/exclusion.ts';
import { journalDirectory } from '../../src/prediction_log/journal_directory.ts';
import { openPredictionLog } from '../../src/prediction_log/prediction_log.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { temporaryDirectory } from '../temporary.ts';
import { answered, failed } from './entries.ts';
import { loggedRows } from './rows.ts';

const features: [string, unknown[]][] = [
  ['age', [37]],
  ['ssn', ['secret']],
];

test('leaves out a feature of every model or of one, and the entity key', () => {
  const without = exclusion(['ssn', 'other:age', 'other:entity_key']);
  const entry = answered({ modelId: 'm', entityKey: 'secret', features });
  expect(without(entry)).toEqual({ ...entry, features: [['age', [37]]] });
  const keys = answered({ modelId: 'other', entityKeys: ['secret'], entityKey: 'secret', features });
  expect(without(keys)).toEqual({ ...keys, features: [], entityKey: null, entityKeys: undefined });
  const failure = failed({ modelId: 'm' });
  expect(without(failure)).toEqual(failure);
});

test('what is excluded is not even in the journal', async () => {
  const directory = temporaryDirectory();
  const { database, close } = await openDatabase({ directory });
  const logger = createLogger({ directory: temporaryDirectory(), level: 'error' });
  const log = openPredictionLog({ database, directory, logger, exclude: ['m:ssn', 'entity_key'] });
  await log.append(answered({ modelId: 'm', entityKey: 'secret', features }));
  const folder = journalDirectory(directory);
  const journals = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  expect(journals).toHaveLength(1);
  expect(journals[0]).toContain('"age"');
  expect(journals[0]).not.toMatch(/ssn|secret/);
  await log.close();
  expect(await loggedRows(database, 'm')).toMatchObject([{ features: [['age', 37]], entity_key: null }]);
  await close();
});
