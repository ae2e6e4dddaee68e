import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { localPath } from '../../src/files/local_path.ts';

test('a file URI is the path that it was made of, whatever is in the name', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[^/\\\0]{1,30}$/), (name) => {
      const path = resolve('/data', name);
      expect(localPath(pathToFileURL(path).href)).toBe(path);
    }),
  );
});

test.each<[NodeJS.Platform, string, string]>([
  ['win32', '~', 'C:\\Users\\ada'],
  ['win32', '~/models/a.onnx', 'C:\\Users\\ada\\models\\a.onnx'],
  ['win32', '~\\models\\a.onnx', 'C:\\Users\\ada\\models\\a.onnx'],
  ['win32', 'file:///C:/data/a%20b.csv', 'C:\\data\\a b.csv'],
  ['win32', 'file://server/share/a.csv', '\\\\server\\share\\a.csv'],
  ['win32', 'D:\\data\\a.csv', 'D:\\data\\a.csv'],
  ['darwin', '~/models/a.onnx', 'C:\\Users\\ada/models/a.onnx'],
  ['darwin', '~\\models', '~\\models'],
])('on %s %s is %s', (platform, given, path) => {
  expect(localPath(given, { platform, home: 'C:\\Users\\ada' })).toBe(path);
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
