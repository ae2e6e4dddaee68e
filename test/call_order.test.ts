import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { callOrder } from '../src/call_order.ts';

/** A promise to be settled by the test. */
function held<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((toResolve, toReject) => {
    resolve = toResolve;
    reject = toReject;
  });
  return { promise, resolve, reject };
}

test('changes of one model are made in the order they came in, failed ones too, and never two at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.record({ model: fc.constantFrom('a', 'b'), fails: fc.boolean() })),
      async (scheduler, calls) => {
        const order = callOrder();
        const made: Record<string, number[]> = { a: [], b: [] };
        let underWay: string[] = [];
        const outcomes = calls.map(({ model, fails }, index) =>
          order
            .change(model, async () => {
              expect(underWay).not.toContain(model);
              underWay.push(model);
              await scheduler.schedule(Promise.resolve(), `change ${index} of ${model}`);
              underWay = underWay.filter((other) => other !== model);
              made[model]?.push(index);
              if (fails) throw new Error(`change ${index}`);
              return index;
            })
            .then(
              (value) => value,
              (error: unknown) => String(error),
            ),
        );
        await scheduler.waitFor(Promise.all(outcomes));
        for (const model of ['a', 'b'])
          expect(made[model]).toEqual(calls.flatMap((call, index) => (call.model === model ? [index] : [])));
        expect(await Promise.all(outcomes)).toEqual(
          calls.map(({ fails }, index) => (fails ? `Error: change ${index}` : index)),
        );
      },
    ),
  );
});

describe('a call that uses a model', () => {
  const missing = new Error('missing');
  const isMissing = (error: unknown) => error === missing;

  test('does not wait for a change', async () => {
    const order = callOrder();
    const change = held<void>();
    void order.change('m', () => change.promise);
    expect(await order.use('m', async () => 'answer', isMissing)).toBe('answer');
    change.resolve();
  });

  test('that finds something missing is tried again after the change before it', async () => {
    const order = callOrder();
    const change = held<void>();
    let exists = false;
    const changed = order.change('m', async () => {
      await change.promise;
      exists = true;
    });
    const used = order.use(
      'm',
      async () => {
        if (!exists) throw missing;
        return 'answer';
      },
      isMissing,
    );
    change.resolve();
    expect(await used).toBe('answer');
    await changed;
  });

  test('is tried again also when that change fails, and then gets its own error', async () => {
    const order = callOrder();
    const change = held<void>();
    const changed = order.change('m', () => change.promise);
    let tries = 0;
    const used = order.use(
      'm',
      async () => {
        tries++;
        throw missing;
      },
      isMissing,
    );
    change.reject(new Error('no such file'));
    await expect(used).rejects.toBe(missing);
    await expect(changed).rejects.toThrow('no such file');
    expect(tries).toBe(2);
  });

  test.each([
    ['nothing is under way', undefined, missing],
    ['another model is changed', 'other', missing],
    ['it fails for another reason', 'm', new Error('wrong type')],
  ])('fails at once when %s', async (_, changing, error) => {
    const order = callOrder();
    const change = held<void>();
    if (changing !== undefined) void order.change(changing, () => change.promise);
    let tries = 0;
    const use = async () => {
      tries++;
      throw error;
    };
    await expect(order.use('m', use, isMissing)).rejects.toBe(error);
    expect(tries).toBe(1);
    change.resolve();
  });
});
