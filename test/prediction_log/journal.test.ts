import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  isJournal,
  journalLine,
  maxJournalBytes,
  openJournal,
  parseEntry,
} from '../../src/prediction_log/journal.ts';
import { journalDirectory } from '../../src/prediction_log/journal_directory.ts';
import { temporaryDirectory } from '../temporary.ts';
import { answered, failed, linesOf } from './entries.ts';

const journalsIn = (directory: string) => readdirSync(journalDirectory(directory)).filter(isJournal);

test('an entry is on disk when append returns, one line each', () => {
  const directory = temporaryDirectory();
  const journal = openJournal(directory);
  const entries = [
    answered({ modelId: 'm', entityKey: 'line\nbreak "ü" \0', features: [['__proto__', ['a\nb']]] }),
    failed({ modelId: 'm' }),
  ];
  journal.append(entries.map(journalLine));
  const [name, ...others] = journalsIn(directory);
  expect(others).toEqual([]);
  const content = readFileSync(join(journalDirectory(directory), name ?? ''), 'utf8');
  expect(content).toBe(linesOf(entries));
  expect(content.split('\n').slice(0, -1).map(parseEntry)).toEqual(entries);
});

test('nothing is written before the first entry, and after finish another file begins', () => {
  const directory = temporaryDirectory();
  const journal = openJournal(directory);
  journal.finish();
  expect(readdirSync(directory)).toEqual([]);
  journal.append([journalLine(answered({ modelId: 'm' }))]);
  const [first = ''] = journalsIn(directory);
  expect(journal.isFinished(first)).toBe(false);
  journal.finish();
  expect(journal.isFinished(first)).toBe(true);
  journal.append([journalLine(answered({ modelId: 'm' }))]);
  expect(journalsIn(directory)).toHaveLength(2);
});

test('a file that has grown large is finished, and another begins', () => {
  const directory = temporaryDirectory();
  const journal = openJournal(directory);
  const entry = answered({ modelId: 'm', features: [['note', ['x'.repeat(2 ** 20)]]] });
  let written = 0;
  while (written < maxJournalBytes) written += journal.append([journalLine(entry)]);
  const [first = ''] = journalsIn(directory);
  expect(journal.isFinished(first)).toBe(true);
  expect(journal.finished()).toEqual([first]);
  journal.append([journalLine(entry)]);
  expect(journalsIn(directory)).toHaveLength(2);
  // Once it was moved, its file is gone.
  rmSync(join(journalDirectory(directory), first));
  expect(journal.finished()).toEqual([]);
});

test('another machine’s journal is never taken for finished', () => {
  const journal = openJournal(temporaryDirectory());
  expect(journal.isFinished('another-host~1~018c-7.jsonl')).toBe(false);
  expect(isJournal('notes.txt')).toBe(false);
});

test('when the disk fails the caller hears STORAGE_UNAVAILABLE, and later entries go on', () => {
  const directory = temporaryDirectory();
  const journal = openJournal(directory);
  writeFileSync(journalDirectory(directory), 'a file where the directory should be');
  expect(() => journal.append([journalLine(answered({ modelId: 'm' }))])).toThrow(
    expect.objectContaining({ code: 'STORAGE_UNAVAILABLE', retryable: true }),
  );
  rmSync(journalDirectory(directory));
  journal.append([journalLine(answered({ modelId: 'm' }))]);
  expect(journalsIn(directory)).toHaveLength(1);
});

test.each(['', '{"at":17', 'null', '5', '[]', '{}', '{"predictionIds":[]}', '\0\0\0\0'])(
  'the line %j is no entry',
  (line) => {
    expect(parseEntry(line)).toBeUndefined();
  },
);
