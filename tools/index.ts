import { acknowledgeAlert } from './acknowledge_alert.ts';
import { backtest } from './backtest.ts';
import { compareModels } from './compare_models.ts';
import { controlRollout } from './control_rollout.ts';
import type { Tool } from './define_tool.ts';
import { deleteModel } from './delete_model.ts';
import { deployModel } from './deploy_model.ts';
import { detectDrift } from './detect_drift.ts';
import { getModel } from './get_model.ts';
import { getPerformance } from './get_performance.ts';
import { getRollout } from './get_rollout.ts';
import { healthCheck } from './health_check.ts';
import { listAlerts } from './list_alerts.ts';
import { listPredictions } from './list_predictions.ts';
import { logPredictions } from './log_predictions.ts';
import { predict } from './predict.ts';
import { predictFile } from './predict_file.ts';
import { promoteModel } from './promote_model.ts';
import { recordOutcomes } from './record_outcomes.ts';
import { registerModel } from './register_model.ts';
import { resetCircuitBreaker } from './reset_circuit_breaker.ts';
import { retireModel } from './retire_model.ts';
import { rollbackModel } from './rollback_model.ts';
import { searchModels } from './search_models.ts';
import { setReferenceData } from './set_reference_data.ts';
import { setTraffic } from './set_traffic.ts';
import { startRollout } from './start_rollout.ts';
import { syncMlflow } from './sync_mlflow.ts';
import { updateModel } from './update_model.ts';

export { storedTexts } from './answers/stored_texts.ts';

/** All tools, in the order in which a client lists them. */
export const catalogue: readonly Tool[] = [
  deployModel,
  predict,
  promoteModel,
  detectDrift,
  healthCheck,
  registerModel,
  searchModels,
  getModel,
  compareModels,
  backtest,
  updateModel,
  setReferenceData,
  predictFile,
  logPredictions,
  listPredictions,
  listAlerts,
  acknowledgeAlert,
  recordOutcomes,
  getPerformance,
  setTraffic,
  startRollout,
  getRollout,
  controlRollout,
  retireModel,
  resetCircuitBreaker,
  rollbackModel,
  deleteModel,
  syncMlflow,
];
