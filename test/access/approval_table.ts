import type { ApprovalMode } from '../../src/access/approval_policy.ts';
import {
  type GuardedChange,
  type Needed,
  type Standing,
  untouched,
  whoMustAgree,
} from '../../src/access/approval_policy.ts';

/** Version 1 is in production and answers all calls, unless a row says otherwise. */
const serving: Standing = { production: '1', weights: [['1', 1]] };
const split: Standing = {
  production: '1',
  weights: [
    ['1', 0.9],
    ['2', 0.1],
  ],
};
const nothing: Standing = { production: undefined, weights: [] };
const staged: Standing = { production: undefined, weights: [['1', 1]] };

const from = (before: Standing, after: Partial<Standing>, more: Partial<GuardedChange> = {}) => ({
  ...untouched(before),
  after: { ...before, ...after },
  ...more,
});

const rows: readonly (readonly [change: string, GuardedChange])[] = [
  ['a version enters production (`promote_model`)', from(serving, { production: '2' })],
  ['the version in production is archived (`promote_model`)', from(serving, { production: undefined })],
  ['`rollback_model`', from(serving, { production: '2', weights: [['2', 1]] })],
  [
    'all or some of its traffic leaves the version in production (`set_traffic`, `deploy_model`, `activate`)',
    from(serving, split),
  ],
  [
    'the version in production is taken out of service (`retire_model`)',
    from(serving, { weights: [] }, { retires: '1' }),
  ],
  ['the version in production gets more traffic', from(split, serving)],
  ['a rollout goes back, or is aborted', from(split, serving, { restores: true })],
  ['traffic moves, and nothing is in production', from(staged, { weights: [['2', 1]] })],
  [
    'a standby comes or goes (weight 0)',
    from(serving, {
      weights: [
        ['1', 1],
        ['2', 0],
      ],
    }),
  ],
  ['another version that answers calls is retired', from(split, serving, { retires: '2' })],
  ['the first deployment of a model', from(nothing, { weights: [['1', 1]] })],
  ['`deploy_model set_active=false`, a shadow, `sticky`, instances, thresholds, a probe', untouched(serving)],
  ['a version that answers nobody is retired', from(serving, {}, { retires: '2' })],
  ['a step to staging or development, or another version is archived', untouched(serving)],
  ['such a step, with a failed gate overridden (`force`)', from(serving, {}, { overridesGate: true })],
  ['`delete_model`', from(nothing, {}, { deletes: true })],
];

const columns: readonly (readonly [title: string, ApprovalMode, canAsk: boolean, gate: boolean])[] = [
  ['`off`', 'off', true, false],
  ['`ask`, client asks', 'ask', true, false],
  ['`ask`, it cannot', 'ask', false, false],
  ['`required`, client asks', 'required', true, false],
  ['`required`, it cannot', 'required', false, false],
  ['`off` and gate, client asks', 'off', true, true],
  ['`off` and gate, it cannot', 'off', false, true],
];

/** The guide's table of approvals, as the rule has it. */
export function approvalTable(): string {
  const cells = rows.map(([name, change]) => [
    name,
    ...columns.map(([, mode, canAsk, gate]) => {
      const entry =
        change.after.production !== undefined && change.before.production !== change.after.production;
      const guarded = { ...change, entryWantsPerson: gate && entry, productionWantsPerson: gate };
      return shown(whoMustAgree(guarded, mode, canAsk), canAsk);
    }),
  ]);
  const table = [['change', ...columns.map(([title]) => title)], [], ...cells];
  const widths = [0, ...columns.map((_, index) => index + 1)].map((column) =>
    Math.max(...table.map((line) => line[column]?.length ?? 0)),
  );
  return table
    .map((line) =>
      widths
        .map((width, column) => (line.length === 0 ? '-'.repeat(width) : (line[column] ?? '').padEnd(width)))
        .join(' | '),
    )
    .map((line) => `| ${line} |\n`)
    .join('');
}

function shown(needed: Needed, canAsk: boolean): string {
  if (needed === 'nobody') return 'done';
  if (needed === 'token') return 'token';
  return canAsk ? 'asked' : 'refused';
}
