import type { Tool } from './define_tool.ts';
import { deployModel } from './deploy_model.ts';
import { detectDrift } from './detect_drift.ts';
import { getModel } from './get_model.ts';
import { healthCheck } from './health_check.ts';
import { predict } from './predict.ts';
import { promoteModel } from './promote_model.ts';
import { registerModel } from './register_model.ts';
import { searchModels } from './search_models.ts';
import { setReferenceData } from './set_reference_data.ts';

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
  setReferenceData,
];
