/**
 * The sets that tools are offered by: a client whose model has little room for tools, or one job, takes some. A tool may be
 * in several; each is in one at least.
 */
export const toolsets = {
  core: [
    'deploy_model',
    'predict',
    'promote_model',
    'detect_drift',
    'health_check',
    'search_models',
    'get_model',
    'rollback_model',
    'start_rollout',
    'get_rollout',
  ],
  serving: [
    'deploy_model',
    'predict',
    'predict_file',
    'set_traffic',
    'retire_model',
    'reset_circuit_breaker',
    'health_check',
  ],
  registry: [
    'register_model',
    'search_models',
    'get_model',
    'compare_models',
    'update_model',
    'promote_model',
    'rollback_model',
    'delete_model',
  ],
  monitoring: [
    'detect_drift',
    'set_reference_data',
    'health_check',
    'get_performance',
    'record_outcomes',
    'list_predictions',
    'log_predictions',
    'list_alerts',
    'acknowledge_alert',
  ],
  mlflow: ['sync_mlflow'],
  rollouts: ['start_rollout', 'get_rollout', 'control_rollout', 'backtest'],
} as const;

export type Toolset = keyof typeof toolsets;

export const toolsetNames: readonly string[] = Object.keys(toolsets);

export function isToolset(name: string): name is Toolset {
  return Object.hasOwn(toolsets, name);
}

/** The sets that a tool is in. */
export function setsOf(tool: string): Toolset[] {
  return Object.entries(toolsets).flatMap(([set, tools]) =>
    isToolset(set) && tools.some((name) => name === tool) ? [set] : [],
  );
}

/** Whether a tool is in one of the sets; undefined: all are offered. */
export function isOffered(tool: string, offered: readonly Toolset[] | undefined): boolean {
  return offered === undefined || setsOf(tool).some((set) => offered.includes(set));
}

/** The tools of all sets but these; undefined: all are offered. */
export function notOffered(offered: readonly Toolset[] | undefined): string[] {
  const names = new Set<string>(Object.values(toolsets).flat());
  return [...names].filter((name) => !isOffered(name, offered));
}
