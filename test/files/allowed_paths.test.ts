import { posix, win32 } from 'node:path';
import { expect, test } from 'vitest';
import { isBelowAny } from '../../src/files/allowed_paths.ts';

test.each<[string, string, boolean]>([
  ['C:\\models', 'C:\\models', true],
  ['C:\\models', 'C:\\models\\nba\\v1.onnx', true],
  ['C:\\models\\', 'C:\\models\\v1.onnx', true],
  ['C:\\', 'C:\\v1.onnx', true],
  // Windows knows no small and capital letters.
  ['C:\\Models', 'c:\\models\\v1.onnx', true],
  ['C:\\models', 'C:\\models2\\v1.onnx', false],
  ['C:\\models', 'C:\\v1.onnx', false],
  ['C:\\models', 'C:\\models\\..\\v1.onnx', false],
  ['C:\\models', 'D:\\models\\v1.onnx', false],
  ['C:\\models', '\\\\server\\models\\v1.onnx', false],
  ['\\\\server\\share', '\\\\server\\share\\v1.onnx', true],
  ['\\\\server\\share', '\\\\server\\other\\v1.onnx', false],
  ['C:\\models', 'C:\\models\\..v1.onnx', true],
])('on Windows, of %s is %s: %s', (root, path, below) => {
  expect(isBelowAny(path, ['E:\\else', root], win32)).toBe(below);
});

test.each<[string, string, boolean]>([
  ['/models', '/models', true],
  ['/models', '/models/..v1.onnx', true],
  ['/', '/v1.onnx', true],
  ['/models', '/models2/v1.onnx', false],
  ['/models', '/models/../v1.onnx', false],
  // A backslash is a letter like any other.
  ['/models', '/models\\v1.onnx', false],
])('elsewhere, of %s is %s: %s', (root, path, below) => {
  expect(isBelowAny(path, [root], posix)).toBe(below);
});
