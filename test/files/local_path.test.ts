import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { localPath } from '../../src/files/local_path.ts';

test('a file URI is the path that it was made of, whatever is in the name', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[^/\\\0]{1,30}$/), (name) => {
      const path = join('/data', name);
      expect(localPath(pathToFileURL(path).href)).toBe(path);
    }),
  );
});

test('~ is the home directory, of this user only', () => {
  expect(localPath('~/models/a.onnx')).toBe(join(homedir(), 'models', 'a.onnx'));
  expect(localPath('~')).toBe(homedir());
  expect(localPath('~other/a.onnx')).toBe('~other/a.onnx');
});

test.each(['/data/a b.csv', 'a.csv', 'runs:/1/model', 'models:/m/1', '', '/~/a'])('%j stays', (path) => {
  expect(localPath(path)).toBe(path);
});

test.each(['file:///data/a.csv?x=1', 'file:///data/a#b.csv', 'file://host/data/a.csv', 'file:///a%2Fb'])(
  '%j is refused',
  (uri) => {
    expect(() => localPath(uri)).toThrow();
  },
);
