import { expect, test } from 'vitest';
import { isMlflowSource, parseSource } from '../../src/mlflow/source.ts';

test.each([
  ['runs:/0a1b', { kind: 'run', runId: '0a1b', path: '' }],
  ['runs:/0a1b/', { kind: 'run', runId: '0a1b', path: '' }],
  ['runs:/0a1b/model', { kind: 'run', runId: '0a1b', path: 'model' }],
  ['runs:/0a1b/a/b.onnx', { kind: 'run', runId: '0a1b', path: 'a/b.onnx' }],
  ['models:/churn/3', { kind: 'version', name: 'churn', version: 3 }],
  ['models:/a model/12', { kind: 'version', name: 'a model', version: 12 }],
  ['models:/churn@champion', { kind: 'alias', name: 'churn', alias: 'champion' }],
  ['models:/m-0123abc', { kind: 'logged', modelId: 'm-0123abc' }],
  ['models:/m-0123abc/1', { kind: 'version', name: 'm-0123abc', version: 1 }],
])('%s', (source, parsed) => {
  expect(isMlflowSource(source)).toBe(true);
  expect(parseSource(source)).toEqual(parsed);
});

test.each([
  'runs:/',
  'runs:/0a1b/../x',
  'runs:/0a1b/a//b',
  'runs:/0a1b/a\\b',
  'runs://0a1b/model',
  'models:/',
  'models:/churn',
  'models:/churn/latest',
  'models:/churn/-1',
  'models:/churn@',
  'models:/churn@a/b',
  'models://churn/1',
])('%s is none', (source) => {
  expect(isMlflowSource(source)).toBe(true);
  expect(() => parseSource(source)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
});

test('a path is none', () => {
  for (const path of ['/models/x.onnx', 'C:\\models\\x.onnx', 'file:///x', 'model.onnx'])
    expect(isMlflowSource(path)).toBe(false);
});
