import envPaths from 'env-paths';

/** Where the store is without MODEL_REGISTRY_DIR: a folder of this user's own, wherever the server is started. */
export function defaultDirectory(): string {
  return envPaths('modelyard', { suffix: '' }).data;
}
