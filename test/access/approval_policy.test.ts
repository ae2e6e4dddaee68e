import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  approvalModes,
  type GuardedChange,
  type Standing,
  whoMustAgree,
} from '../../src/access/approval_policy.ts';
import { approvalTable } from './approval_table.ts';

const versions = ['1', '2', '3'];

/** Every route of three versions by halves, with and without standbys, and none. */
const routes: Standing['weights'][] = [
  [],
  ...versions.reduce<[string, number][][]>(
    (found, version) =>
      found.flatMap((route) => [
        route,
        ...[0, 0.5, 1].map((weight): [string, number][] => [...route, [version, weight]]),
      ]),
    [[]],
  ),
].filter((route, index) => index === 0 || route.reduce((sum, [, weight]) => sum + weight, 0) === 1);

const flags = [false, true];

function* everyChange(): Generator<GuardedChange> {
  for (const production of [undefined, '1'])
    for (const next of [undefined, '1', '2'])
      for (const weights of routes)
        for (const nextWeights of routes)
          for (const retires of [undefined, '1', '2'])
            for (const overridesGate of flags)
              for (const deletes of flags)
                for (const entryWantsPerson of flags)
                  for (const productionWantsPerson of flags)
                    for (const restores of flags)
                      yield {
                        before: { production, weights },
                        after: { production: next, weights: nextWeights },
                        retires,
                        overridesGate,
                        deletes,
                        entryWantsPerson,
                        productionWantsPerson,
                        restores,
                      };
}

/** Share by version, as a table of its own: absent is none at all, 0 stands by. */
const shares = ({ weights }: Standing) => Object.fromEntries(weights);

/** The promise of the guide, said once more: who has to agree, for what reasons. */
function promised({ before, after, ...change }: GuardedChange) {
  const [had, has] = [shares(before), shares(after)];
  const production = before.production ?? 'none';
  const leavesProduction = before.production !== after.production || change.retires === production;
  const losesTraffic = (has[production] ?? 0) < (had[production] ?? 0);
  const isFirst =
    before.weights.length === 0 &&
    (before.production === undefined || Object.keys(has).join() === production || after.weights.length === 0);
  const answersChange = !isFirst && versions.some((version) => had[version] !== has[version]);
  const goesForward = !change.restores || losesTraffic;
  return {
    byGate:
      change.entryWantsPerson ||
      (change.productionWantsPerson && (leavesProduction || (answersChange && goesForward))),
    byMode: leavesProduction || losesTraffic || change.overridesGate || change.deletes,
  };
}

test('every change by every mode and client is asked for as promised, and no other is', () => {
  const wrong: unknown[] = [];
  let changes = 0;
  for (const change of everyChange()) {
    const { byGate, byMode } = promised(change);
    const withoutPerson = change.deletes ? 'token' : 'nobody';
    const expected = {
      off: { asks: withoutPerson, cannot: withoutPerson },
      ask: { asks: 'client', cannot: withoutPerson },
      required: { asks: 'person', cannot: 'person' },
    };
    for (const mode of approvalModes)
      for (const canAsk of flags) {
        changes++;
        const wanted = byGate ? 'person' : byMode ? expected[mode][canAsk ? 'asks' : 'cannot'] : 'nobody';
        const found = whoMustAgree(change, mode, canAsk);
        if (found !== wanted) wrong.push({ change, mode, canAsk, wanted, found });
      }
  }
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(changes).toBe(2 * 3 * 19 * 19 * 3 * 32 * 6);
});

test('the order of a route and the rounding of its weights are no change', () => {
  const change = (weights: Standing['weights']): GuardedChange => ({
    before: {
      production: '1',
      weights: [
        ['1', 0.3],
        ['2', 0.7],
      ],
    },
    after: { production: '1', weights },
    retires: undefined,
    overridesGate: false,
    deletes: false,
    entryWantsPerson: false,
    productionWantsPerson: true,
    restores: false,
  });
  const same: Standing['weights'] = [
    ['2', 0.7],
    ['1', 0.1 + 0.2],
  ];
  expect(whoMustAgree(change(same), 'required', false)).toBe('nobody');
  const less: Standing['weights'] = [
    ['2', 0.70001],
    ['1', 0.29999],
  ];
  expect(whoMustAgree(change(less), 'required', false)).toBe('person');
});

/** `UPDATE_GUIDE=1 npx vitest run test/access/approval_policy.test.ts` writes the table anew. */
test("the guide's table is what the rule says", () => {
  const guide = new URL('../../docs/REGISTRY_GUIDE.md', import.meta.url);
  const text = readFileSync(guide, 'utf8');
  const [begin, end] = ['<!-- approvals: generated -->\n\n', '\n<!-- end -->'];
  const [before = '', rest = ''] = text.split(begin);
  const [table, ...after] = rest.split(end);
  if (process.env.UPDATE_GUIDE === '1')
    writeFileSync(guide, [before, begin, approvalTable(), end, after.join(end)].join(''));
  else expect(table).toBe(approvalTable());
});
