import { expect, test } from 'vitest';
import { bodyFormat } from '../../../src/http/mlflow_scoring/content_type.ts';

test.each([
  [undefined, 'json'],
  ['application/json', 'json'],
  ['application/json; charset=UTF-8', 'json'],
  ['Application/JSON;charset=utf8', 'json'],
  ['text/csv', 'csv'],
  ['text/csv; charset=utf-8', 'csv'],
])('%s', (contentType, format) => {
  expect(bodyFormat(contentType)).toEqual({ format });
});

test.each([
  ['application/json; format=pandas-split', 'Unrecognized content type parameters: format.'],
  ['text/csv; charset=latin-1', 'The scoring server only supports UTF-8'],
  ['application/x-npy', "Got 'application/x-npy'."],
])('%s is refused', (contentType, sentence) => {
  expect(bodyFormat(contentType)).toEqual({ refused: expect.stringContaining(sentence) });
});
