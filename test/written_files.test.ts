import { mkdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { maxMessageBytes } from '../src/message_size.ts';
import { writtenFiles } from '../src/written_files.ts';
import { temporaryDirectory } from './temporary.ts';

const directory = temporaryDirectory();
const link = (path: string, mimeType = 'text/csv') => ({
  uri: pathToFileURL(path).href,
  name: 'rows',
  mimeType,
});

function write(name: string, content: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

test('tables of text are read as text, Parquet as bytes, empty files as empty', async () => {
  const files = writtenFiles();
  const bytes = Buffer.from([0x50, 0x41, 0x52, 0x31, 0x00, 0xff]);
  const [text, parquet, empty] = [
    link(write('a b.csv', 'é\n')),
    link(write('p.parquet', bytes), 'application/vnd.apache.parquet'),
    link(write('empty.csv', '')),
  ];
  await files.remember([text, parquet, empty]);
  expect(await files.read(text.uri, { allowedRoots: [directory] })).toEqual({
    uri: text.uri,
    mimeType: 'text/csv',
    text: 'é\n',
  });
  expect(await files.read(parquet.uri, { allowedRoots: [directory] })).toMatchObject({
    blob: bytes.toString('base64'),
  });
  expect(await files.read(empty.uri, { allowedRoots: [directory] })).toMatchObject({ text: '' });
});

test('a file is read only if an answer linked to it, it is where it was, and below a root', async () => {
  const files = writtenFiles();
  const path = write('rows.csv', 'x\n1\n');
  const { uri } = link(path);
  expect(await files.read(uri, { allowedRoots: [directory] })).toBeUndefined();
  await files.remember([link(path)]);
  const elsewhere = join(directory, 'elsewhere');
  mkdirSync(elsewhere);
  await expect(files.read(uri, { allowedRoots: [elsewhere] })).rejects.toMatchObject({
    code: 'PATH_NOT_ALLOWED',
  });
  renameSync(path, join(elsewhere, 'rows.csv'));
  await expect(files.read(uri, { allowedRoots: [directory] })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
});

test('a file for which a message has no room is named, not read', async () => {
  const files = writtenFiles();
  const path = write('large.csv', '');
  truncateSync(path, maxMessageBytes);
  await files.remember([link(path)]);
  await expect(files.read(link(path).uri, { allowedRoots: [directory] })).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: expect.stringMatching(/large\.csv has 8\.4 MB, more than the 4\.2 MB/),
  });
});

test('the newest thousand links are known, each once', async () => {
  const files = writtenFiles();
  for (let number = 0; number < 1200; number++)
    await files.remember([link(join(directory, `${number}.csv`))]);
  await files.remember([link(join(directory, '700.csv'))]);
  const listed = (await files.list()).map(({ uri }) => uri);
  expect(listed).toHaveLength(1000);
  expect(listed.slice(0, 2)).toEqual([700, 1199].map((number) => link(join(directory, `${number}.csv`)).uri));
  expect(new Set(listed).size).toBe(1000);
});
