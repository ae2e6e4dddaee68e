export { isOurs } from './address.ts';
export { complete } from './complete.ts';
export { resourceTemplates } from './declared.ts';
export { listResources } from './list_resources.ts';
export { readResource } from './read_resource.ts';
export type { Reading } from './reading.ts';
export { type WatchedResources, watchResources } from './watch_resources.ts';
