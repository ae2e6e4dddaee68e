/** The rooms that no prediction needs: they are loaded while the host of the version that was called last starts. */
export { openBacktest } from './backtest/backtest.ts';
export { openMlflow } from './mlflow/mlflow.ts';
export { openLivePerformance } from './monitoring/live_performance/index.ts';
export { openMonitoring } from './monitoring/monitoring.ts';
export { openOverview } from './overview/overview.ts';
export { openRegistry } from './registry/registry.ts';
export { openRollouts } from './rollouts/rollouts.ts';
