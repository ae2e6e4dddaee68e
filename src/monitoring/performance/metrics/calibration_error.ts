import type { ClassMetric } from './metric_definition.ts';

/** Expected calibration error over ten bins of equal width; no interval. See calibration.ts. */
export const calibrationError = {
  name: 'calibration_error',
  task: 'classification',
  better: 'lower',
  uses: [],
  measure: ({ calibration }) => {
    const error = calibration?.equal_width?.expected_calibration_error;
    return error === undefined ? undefined : { value: error, interval: null };
  },
} as const satisfies ClassMetric;
