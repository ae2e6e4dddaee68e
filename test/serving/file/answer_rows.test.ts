import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, ModelYardError } from '../../../src/errors.ts';
import type { Signature } from '../../../src/registry/signature.ts';
import type { JsonRecord } from '../../../src/serving/codec/records.ts';
import { RunFailure } from '../../../src/serving/engine/fault.ts';
import { waitedForTurn } from '../../../src/serving/engine/job.ts';
import { type RunRecords, rowAnswerer, rowGroups } from '../../../src/serving/file/answer_rows.ts';
import { inWholeGroups } from '../../../src/serving/file/whole_groups.ts';
import type { RowIndependence } from '../../../src/serving/graph/rows/row_independence.ts';

const signatureOf = (batch: number): Signature => ({
  inputs: [{ name: 'x', datatype: 'INT32', shape: [batch, 1] }],
  outputs: [{ name: 'y', datatype: 'INT32', shape: [batch, 1] }],
  features: [{ name: 'x', datatype: 'INT32', input: 'x', column: 0 }],
});
const rowsOf = (values: readonly unknown[]) =>
  values.map((x) => ({ features: x === undefined ? {} : { x }, fault: undefined }));
const failure = (code: ErrorCode) => new ModelYardError(code, `It was ${code}.`, 'Do something.');
const never = new AbortController().signal;
const proven: RowIndependence = { independent: true, outputsByRow: true };
const notProven: RowIndependence = { independent: false, because: 'ReduceMean' };

/** Doubles x; a run with a negative one fails, one with text does not fit. */
const double = (records: readonly JsonRecord[]) => {
  const values = records.map(({ x }) => x);
  if (values.some((x) => typeof x !== 'number')) throw failure('SIGNATURE_MISMATCH');
  if (values.some((x) => Number(x) < 0)) throw failure('INFERENCE_FAILED');
  return values.map((x) => ({ value: Number(x) * 2, probabilities: undefined }));
};

function answerer(run: RunRecords, batch = -1) {
  return rowAnswerer(signatureOf(batch), run, rowGroups(signatureOf(batch), proven)).answer;
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
        expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(200);
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

  test('by some rows is not gone: they are found and fail, in a bounded number of ends', async () => {
    const deadly = new Set([7, 123]);
    let ends = 0;
    const run: RunRecords = async (records) => {
      if (!records.some(({ x }) => deadly.has(Number(x)))) return double(records);
      ends++;
      throw new RunFailure(failure('ENGINE_CRASHED'), 'caller');
    };
    const rows = Array.from({ length: 300 }, (_, x) => x);
    const { answers, modelFailure } = await answerer(run)(rowsOf(rows), never);
    expect(answers.flatMap((answer, row) => ('error' in answer ? [row] : []))).toEqual([...deadly]);
    expect([modelFailure?.code, ends <= 20]).toEqual(['ENGINE_CRASHED', true]);
  });

  test('where nothing is answered, all of a short file fails and a long one is stopped: in a bounded number of ends', async () => {
    let ends = 0;
    const run: RunRecords = async () => {
      ends++;
      throw new RunFailure(failure('ENGINE_CRASHED'), 'caller');
    };
    const { answers } = await answerer(run)(rowsOf(Array(300).fill(0)), never);
    expect(answers).toEqual(Array(300).fill({ error: 'It was ENGINE_CRASHED.' }));
    expect(ends).toBeLessThan(25);
    ends = 0;
    const long = answerer(run)(rowsOf(Array(20_000).fill(0)), never);
    await expect(long).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    expect(ends).toBe(26);
  });

  test('with groups that are answered between them, others may end it again and again', async () => {
    const rows = Array.from({ length: 12_000 }, (_, x) => x);
    const run: RunRecords = async (records) => {
      if (records.some(({ x }) => Number(x) % 400 === 7))
        throw new RunFailure(failure('ENGINE_CRASHED'), 'nobody');
      return double(records);
    };
    const { answers } = await answerer(run)(rowsOf(rows), never);
    expect(answers.flatMap((answer, row) => ('error' in answer ? [row] : []))).toEqual(
      rows.filter((x) => x % 400 === 7),
    );
  });

  test.each([
    new ModelYardError('LIMIT_EXCEEDED', 'Busy.', 'Wait.', { retryable: true }),
    new ModelYardError('TIMEOUT', 'It waited.', 'Wait.', { cause: waitedForTurn }),
  ])('that is only busy is waited for: $code', async (busy) => {
    let calls = 0;
    const { answers } = await answerer(async (records) => {
      if (calls++ < 2) throw busy;
      return double(records);
    })(rowsOf([1]), never);
    expect(answers).toMatchObject([{ prediction: { value: 2 } }]);
  });

  test.each<[string, ModelYardError]>([
    ['that hang', new RunFailure(failure('TIMEOUT'), 'caller')],
    ['that take too much memory', failure('LIMIT_EXCEEDED')],
  ])('by some rows %s is not gone: they are found and fail, at once', async (_, error) => {
    const guilty = new Set([7, 123]);
    let runs = 0;
    const run: RunRecords = async (records) => {
      runs++;
      if (records.some(({ x }) => guilty.has(Number(x)))) throw error;
      return double(records);
    };
    const rows = Array.from({ length: 300 }, (_, x) => x);
    const { answers } = await answerer(run)(rowsOf(rows), never);
    expect(answers.flatMap((answer, row) => ('error' in answer ? [row] : []))).toEqual([...guilty]);
    expect(runs).toBeLessThan(40);
  });

  test.each(['nobody', 'model'] as const)(
    'with a hang that is the fault of %s stops everything',
    async (fault) => {
      const answered = answerer(async () => {
        throw new RunFailure(failure('TIMEOUT'), fault);
      })(rowsOf([1]), never);
      await expect(answered).rejects.toMatchObject({ code: 'TIMEOUT' });
    },
  );

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

describe('the groups of a model', () => {
  const wide = (features: number): Signature => ({
    ...signatureOf(-1),
    features: Array.from({ length: features }, (_, column) => ({
      name: `x${column}`,
      datatype: 'INT32',
      input: 'x',
      column,
    })),
  });

  test.each([
    ['a few columns', wide(10), proven, { size: 200, mustBeWhole: false, isFixed: false }],
    ['many columns', wide(1000), proven, { size: 50, mustBeWhole: false, isFixed: false }],
    [
      'rows that depend on one another',
      wide(10),
      notProven,
      { size: 200, mustBeWhole: true, isFixed: false },
    ],
    ['a fixed number of rows', signatureOf(7), proven, { size: 196, mustBeWhole: false, isFixed: false }],
    ['both', signatureOf(7), notProven, { size: 7, mustBeWhole: true, isFixed: true }],
  ])('with %s', (_, signature, rows, groups) => {
    expect(rowGroups(signature, rows)).toEqual(groups);
  });

  test('that takes a fixed number of rows, which depend on one another, fail where they are not full', async () => {
    const signature = signatureOf(4);
    const run: RunRecords = async (records) => {
      if (records.length !== 4) throw failure('SIGNATURE_MISMATCH');
      return double(records);
    };
    const { answer: answerRows } = rowAnswerer(signature, run, rowGroups(signature, notProven));
    const { answers } = await answerRows(rowsOf([1, 2, 3, 4, 5]), never);
    expect(answers).toEqual([
      ...[2, 4, 6, 8].map((value) => ({ prediction: { value, probabilities: undefined } })),
      { error: 'It was SIGNATURE_MISMATCH.' },
    ]);
    const failed = await answerRows(rowsOf([1, -2, 3, 4]), never);
    expect(failed.answers).toEqual([1, 2, 3, 4].map(() => ({ error: 'It was INFERENCE_FAILED.' })));
  });
});

test('whole groups are the same however a file is cut into chunks, and rows with a fault are in none', async () => {
  const rows = fc.array(fc.option(fc.nat(99), { freq: 5 }), { maxLength: 60 });
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(rows, cuts, fc.integer({ min: 1, max: 7 }), async (values, lengths, size) => {
      const table = values.map((value, line) => ({
        line,
        features: { x: value },
        fault: value === null ? 'none' : undefined,
        entityKey: null,
        outcome: null,
        others: [],
      }));
      const chunks = async function* () {
        for (let start = 0, at = 0; start < table.length; at++) {
          const length = lengths[at % lengths.length] ?? 1;
          yield { rows: table.slice(start, start + length), carried: start, position: start };
          start += length;
        }
      };
      const groups: number[][] = [];
      const answered = inWholeGroups(
        chunks(),
        size,
        async (group) => {
          groups.push(group.map(({ line }) => line));
          return {
            answers: group.map(({ line }) => ({ prediction: { value: line, probabilities: undefined } })),
            modelFailure: undefined,
          };
        },
        () => 0,
      );
      const answers = [];
      for await (const { chunk, answer } of answered) {
        expect(answer.answers).toHaveLength(chunk.rows.length);
        answers.push(...answer.answers);
      }
      expect(answers).toEqual(
        table.map(({ line, fault }) =>
          fault === undefined ? { prediction: { value: line, probabilities: undefined } } : { error: fault },
        ),
      );
      const sound = table.filter(({ fault }) => fault === undefined).map(({ line }) => line);
      expect(groups.flat()).toEqual(sound);
      expect(groups.slice(0, -1).every((group) => group.length === size)).toBe(true);
    }),
  );
});
