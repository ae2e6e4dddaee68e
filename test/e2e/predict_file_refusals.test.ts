import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FileServer, startFileServer } from './file_server.ts';

let files: FileServer;
beforeAll(async () => {
  files = await startFileServer();
  await files.deploy('linear_float32', 'image_like', 'detector', 'wide_answer');
});
afterAll(() => files.close());

describe('what cannot be done is said before anything is written', () => {
  const rows = 'f0,f1,f2\n1,2,3\n';
  const given = (name: string, text = rows) => ({
    model_id: 'linear_float32',
    input_path: files.write(name, text),
  });

  it.each<[string, () => Record<string, unknown>, string, RegExp]>([
    [
      'a model whose outputs belong to the call',
      () => ({ model_id: 'detector', input_path: files.write('det.csv', 'f0,f1,f2,f3\n0.9,0,0,0\n') }),
      'SIGNATURE_MISMATCH',
      /no output that is one per row.*det_index/,
    ],
    [
      'more numbers a row than a file takes, where no outputs are chosen',
      () => ({ model_id: 'wide_answer', input_path: files.write('wide.csv', 'x\n1\n') }),
      'LIMIT_EXCEEDED',
      /100001 numbers/,
    ],
    ['an unknown extension', () => given('rows.txt'), 'INVALID_INPUT', /extension \.txt/],
    ['no extension', () => given('rows'), 'INVALID_INPUT', /no extension/],
    [
      'an unknown format of the output',
      () => ({ ...given('a.csv'), output_path: files.inFolder('a.xlsx') }),
      'INVALID_INPUT',
      /\.xlsx/,
    ],
    [
      'another format of the output',
      () => ({ ...given('b.csv'), output_path: files.inFolder('b.jsonl') }),
      'INVALID_INPUT',
      /input's format/,
    ],
    [
      'an output over the input',
      () => ({ ...given('c.csv'), output_path: files.inFolder('c.csv') }),
      'INVALID_INPUT',
      /the input itself/,
    ],
    [
      'an input outside',
      () => ({ model_id: 'linear_float32', input_path: join(files.outside, 'rows.csv') }),
      'PATH_NOT_ALLOWED',
      /outside/,
    ],
    [
      'an output outside',
      () => ({ ...given('d.csv'), output_path: join(files.outside, 'd.csv') }),
      'PATH_NOT_ALLOWED',
      /outside/,
    ],
    [
      'an output in no directory',
      () => ({ ...given('e.csv'), output_path: files.inFolder('none/e.csv') }),
      'INVALID_INPUT',
      /does not exist/,
    ],
    [
      'no input',
      () => ({ model_id: 'linear_float32', input_path: files.inFolder('none.csv') }),
      'INVALID_INPUT',
      /no file/,
    ],
    [
      'features without a column',
      () => given('f.csv', 'f0,other\n1,2\n'),
      'SIGNATURE_MISMATCH',
      /2 of 3 features: f1, f2/,
    ],
    [
      'features in no line',
      () => given('f.jsonl', '{"f0":1}\n{"f1":2}\n'),
      'SIGNATURE_MISMATCH',
      /1 of 3 features: f2/,
    ],
    [
      'an entity column that is not there',
      () => ({ ...given('g.csv'), entity_column: 'who' }),
      'INVALID_INPUT',
      /entity_column: .* "who"/,
    ],
    [
      'an outcome column that is not there',
      () => ({ ...given('h.csv'), outcome_column: 'real' }),
      'INVALID_INPUT',
      /outcome_column: .* "real"/,
    ],
    [
      'a column of the name of a result',
      () => given('i.csv', 'f0,f1,f2,prediction\n1,2,3,4\n'),
      'INVALID_INPUT',
      /"prediction"/,
    ],
    ['no rows', () => given('j.csv', 'f0,f1,f2\n'), 'INVALID_INPUT', /has no rows/],
    ['an empty file', () => given('k.csv', ''), 'INVALID_INPUT', /is empty/],
    ['what is no Parquet', () => given('l.parquet'), 'INVALID_INPUT', /as Parquet/],
    [
      'a model without named features',
      () => ({ ...given('m.csv'), model_id: 'image_like' }),
      'SIGNATURE_MISMATCH',
      /no named features/,
    ],
    ['no such model', () => ({ ...given('n.csv'), model_id: 'none' }), 'MODEL_NOT_FOUND', /none/],
    ['no such version', () => ({ ...given('o.csv'), version: '7' }), 'VERSION_NOT_FOUND', /7/],
  ])('%s', async (_, call, code, message) => {
    const args = call();
    const before = readdirSync(files.folder);
    const error = await files.server.fail('predict_file', args);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readdirSync(files.folder)).toEqual(before);
  });

  it.skipIf(process.platform === 'win32')('a link in the place of the output', async () => {
    for (const [name, target] of [
      ['to_outside.csv', join(files.outside, 'new.csv')],
      ['to_nothing.csv', files.inFolder('nothing.csv')],
    ] as const) {
      symlinkSync(target, files.inFolder(name));
      const error = await files.server.fail('predict_file', {
        ...given('linked.csv'),
        output_path: files.inFolder(name),
      });
      expect(error).toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('exists already'),
      });
      expect(existsSync(target)).toBe(false);
    }
    symlinkSync(files.outside, files.inFolder('directory'));
    const error = await files.server.fail('predict_file', {
      ...given('linked.csv'),
      output_path: files.inFolder('directory/new.csv'),
    });
    expect(error.code).toBe('PATH_NOT_ALLOWED');
    expect(readdirSync(files.outside)).toEqual([]);
  });
});

it('of chosen outputs only those are written', async () => {
  const input_path = files.write('chosen.csv', 'x\n0.5\n0.25\n');
  await files.server.call('predict_file', { model_id: 'wide_answer', input_path, outputs: ['small'] });
  const written = readFileSync(files.inFolder('chosen.predictions.csv'), 'utf8').trim().split('\n');
  expect(written.map((line) => line.split(',').toSpliced(1, 1).join())).toEqual([
    'x,prediction,error',
    '0.5,1,',
    '0.25,0.5,',
  ]);
});
