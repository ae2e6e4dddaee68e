import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, ModelYardError } from '../../../src/errors.ts';
import type { Signature } from '../../../src/registry/signature.ts';
import type { JsonRecord } from '../../../src/serving/codec/records.ts';
import { nextRunRows, type RunRecords, rowAnswerer } from '../../../src/serving/file/answer_rows.ts';

const signatureOf = (batch: number): Signature => ({
  inputs: [{ name: 'x', datatype: 'INT32', shape: [batch, 1] }],
  outputs: [{ name: 'y', datatype: 'INT32', shape: [batch, 1] }],
  features: [{ name: 'x', datatype: 'INT32', input: 'x', column: 0 }],
});
const rowsOf = (values: readonly unknown[]) =>
  values.map((x) => ({ features: x === undefined ? {} : { x }, fault: undefined }));
const failure = (code: ErrorCode) => new ModelYardError(code, `It was ${code}.`, 'Do something.');
const never = new AbortController().signal;
const still = () => 0;

/** Doubles x; a run with a negative one fails, one with text does not fit. */
const double = (records: readonly JsonRecord[]) => {
  const values = records.map(({ x }) => x);
  if (values.some((x) => typeof x !== 'number')) throw failure('SIGNATURE_MISMATCH');
  if (values.some((x) => Number(x) < 0)) throw failure('INFERENCE_FAILED');
  return values.map((x) => ({ value: Number(x) * 2, probabilities: undefined }));
};

function answerer(run: RunRecords, batch = -1) {
  return rowAnswerer(signatureOf(batch), run, still, 1000);
}

describe('rows are answered', () => {
  test('each for itself, whatever is wrong with others', async () => {
    const values = fc.array(
      fc.oneof(fc.integer({ min: -3, max: 1000 }), fc.constantFrom('a', null, 1.5, undefined)),
      {
        maxLength: 300,
      },
    );
    await fc.assert(
      fc.asyncProperty(values, fc.constantFrom(-1, 1, 4), async (given, batch) => {
        const sizes: number[] = [];
        const { answers, modelFailure } = await answerer(async (records) => {
          sizes.push(records.length);
          if (records.some(({ x }) => !Number.isInteger(x))) throw failure('SIGNATURE_MISMATCH');
          return double(records);
        }, batch)(rowsOf(given), never);
        given.forEach((x, row) => {
          const answer = answers[row];
          if (typeof x === 'number' && Number.isInteger(x) && x >= 0)
            expect(answer).toEqual({ prediction: { value: x * 2, probabilities: undefined } });
          else expect(answer).toEqual({ error: expect.stringMatching(/INFERENCE_FAILED|eature/) });
        });
        const hasGuilty = given.some((x) => typeof x === 'number' && Number.isInteger(x) && x < 0);
        expect(modelFailure?.code).toBe(hasGuilty ? 'INFERENCE_FAILED' : undefined);
        if (batch > 0) expect(sizes.every((size) => size === batch)).toBe(true);
      }),
    );
  });

  test('in few runs where few are guilty', async () => {
    let runs = 0;
    const values = Array.from({ length: 1000 }, (_, row) => (row === 700 ? -1 : row));
    await answerer(async (records) => {
      runs++;
      return double(records);
    })(rowsOf(values), never);
    expect(runs).toBeLessThan(30);
  });

  test('but those that have a fault already are not asked about', async () => {
    const asked: unknown[] = [];
    const { answers } = await answerer(async (records) => {
      asked.push(...records.map(({ x }) => x));
      return double(records);
    })([{ features: { x: 1 }, fault: 'Too long.' }, ...rowsOf([2])], never);
    expect(asked).toEqual([2]);
    expect(answers[0]).toEqual({ error: 'Too long.' });
  });

  test('and told what is wrong without a row number', async () => {
    const { answers } = await answerer(async (records) => double(records))(rowsOf(['a', undefined]), never);
    expect(answers).toEqual([
      { error: expect.stringMatching(/^Feature "x": expected a whole number .* got "a"\.$/) },
      { error: expect.stringMatching(/^The row does not have the model's features: missing x\.$/) },
    ]);
  });
});

describe('a model that is gone', () => {
  test('after one crash is tried again', async () => {
    let crashes = 0;
    const { answers } = await answerer(async (records) => {
      if (crashes++ === 0) throw failure('ENGINE_CRASHED');
      return double(records);
    })(rowsOf([1, 2]), never);
    expect(answers).toMatchObject([{ prediction: { value: 2 } }, { prediction: { value: 4 } }]);
  });

  test.each<ErrorCode>(['ENGINE_CRASHED', 'TIMEOUT', 'CIRCUIT_OPEN', 'NOT_DEPLOYED'])(
    'with %s stops everything',
    async (code) => {
      const answered = answerer(async () => {
        throw failure(code);
      })(rowsOf([1]), never);
      await expect(answered).rejects.toMatchObject({ code });
    },
  );

  test('that is only busy is waited for', async () => {
    let calls = 0;
    const { answers } = await answerer(async (records) => {
      if (calls++ < 2) throw failure('LIMIT_EXCEEDED');
      return double(records);
    })(rowsOf([1]), never);
    expect(answers).toMatchObject([{ prediction: { value: 2 } }]);
  });

  test('is not asked any more once the call is cancelled', async () => {
    const cancel = new AbortController();
    let calls = 0;
    const answered = answerer(async (records) => {
      calls++;
      cancel.abort();
      return double(records);
    })(rowsOf(Array.from({ length: 1000 }, () => 1)), cancel.signal);
    await expect(answered).rejects.toMatchObject({ name: 'AbortError' });
    expect(calls).toBe(1);
  });
});

describe('the number of rows of the next run', () => {
  test('doubles at most, and fits the time', () => {
    expect(nextRunRows(100, 100, 1, 150)).toBe(200);
    expect(nextRunRows(100, 100, 100, 150)).toBe(150);
    expect(nextRunRows(400, 400, 1, 150)).toBe(500);
    expect(nextRunRows(100, 100, 3000, 150)).toBe(5);
    expect(nextRunRows(1, 1, 60_000, 150)).toBe(1);
    expect(nextRunRows(100, 100, 0, 150)).toBe(200);
  });
});
