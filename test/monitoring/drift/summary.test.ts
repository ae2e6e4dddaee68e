import { describe, expect, it } from 'vitest';
import type { DriftResult } from '../../../src/monitoring/drift/index.ts';
import { summariseDrift } from '../../../src/monitoring/drift/summary.ts';

function result(feature: string, more: Partial<DriftResult> = {}): DriftResult {
  return {
    feature,
    type: 'numeric',
    method: 'ks_test',
    score: 0.02,
    p_value: 0.5,
    p_adjusted: 0.6,
    effect: 0.02,
    threshold: 0.05,
    is_drift: false,
    severity: 'none',
    reference_n: 100,
    current_n: 100,
    reference_missing: 0,
    current_missing: 0,
    ...more,
  };
}

const drifted = { is_drift: true, severity: 'low', p_adjusted: 1e-9 } as const;

describe('summariseDrift', () => {
  it('is calm when nothing drifted', () => {
    expect(summariseDrift([result('a'), result('b', { score: null, note: 'NOT_ENOUGH_DATA' })])).toEqual({
      is_drift: false,
      drifted_share: 0,
      drifted_features: [],
      drifted_predictions: [],
      recommendation:
        'No drift in 1 feature (1 more could not be judged, see their notes): keep the model as it is.',
    });
  });

  it('ranks by size, across methods', () => {
    const summary = summariseDrift([
      result('small', { ...drifted, effect: 0.12 }),
      result('calm'),
      result('large', {
        ...drifted,
        method: 'psi',
        score: 1.5,
        effect: null,
        p_value: null,
        p_adjusted: null,
        severity: 'high',
      }),
      result('gone', { ...drifted, current_missing: 0.9, effect: 0.5, severity: 'high' }),
      ...Array.from({ length: 8 }, (_, index) => result(`other ${index}`)),
    ]);
    expect(summary.drifted_features).toEqual(['large', 'gone', 'small']);
    expect(summary.drifted_share).toBe(0.25);
    expect(summary.recommendation).toBe(
      'Drift in 3 of 12 features, strongest in "large": check how that feature is produced, then performance on recent outcomes.',
    );
  });

  it('tells bad data from moved values, and says first where to look', () => {
    const calm = Array.from({ length: 10 }, (_, index) => result(`calm ${index}`));
    const moved = result('moved', { ...drifted, effect: 0.9, cause: 'values' });
    const gone = result('gone', { ...drifted, current_missing: 0.09, missing_shift: true, cause: 'missing' });
    const coded = result('coded', { ...drifted, cause: 'unseen' });
    expect(summariseDrift([moved, gone, coded, ...calm]).recommendation).toBe(
      'Look first at "gone": 9.0 % of its values are missing, 0.0 % in the reference. Bad data in 2 of 13 features: check the data pipeline before the model, and do not retrain on them. The values of 1 more moved, most in "moved": judge them when the data are right.',
    );
    expect(summariseDrift([coded, ...calm]).recommendation).toMatch(
      /^Look first at "coded": it has values that the reference never had\. Bad data in 1 of 11 features/,
    );
    const absent = result('absent', { ...drifted, score: null, effect: null, cause: 'absent' });
    const [first] = summariseDrift([gone, absent, ...calm]).drifted_features;
    expect(first).toBe('absent');
    expect(summariseDrift([gone, absent, ...calm]).recommendation).toMatch(
      /^Look first at "absent": it is absent in the current rows\. Bad data in 2 of 12 features/,
    );
    expect(summariseDrift([moved, ...calm]).recommendation).toMatch(
      /^Drift in 1 of 11 features, strongest in "moved"/,
    );
  });

  it('says when the inputs as a whole have moved', () => {
    const summary = summariseDrift([result('a', { ...drifted, effect: 0.3 }), result('b')]);
    expect(summary.recommendation).toMatch(/the inputs as a whole have moved/);
  });

  it('does not say that inputs moved when only answers did', () => {
    const results = [result('prediction', { ...drifted, effect: 0.3 }), result('a')];
    expect(summariseDrift(results, undefined, ['prediction'])).toEqual({
      is_drift: true,
      drifted_share: 0,
      drifted_features: [],
      drifted_predictions: ['prediction'],
      recommendation:
        'Drift in the predictions, most in "prediction", and in none of 1 feature: check performance on recent outcomes and look for what else the answers depend on.',
    });
    expect(summariseDrift(results.slice(0, 1), undefined, ['prediction']).drifted_share).toBe(1);
    const both = [...results, result('b', { ...drifted, effect: 0.2 })];
    expect(summariseDrift(both, undefined, ['prediction']).recommendation).toMatch(/the inputs as a whole/);
  });

  it('does not call silence health', () => {
    expect(summariseDrift([]).recommendation).toMatch(/No feature could be judged/);
    expect(summariseDrift([result('a', { score: null })]).drifted_share).toBe(0);
  });
});
