export { adwinEstimate, createAdwin } from './adwin.ts';
export type { Change } from './change.ts';
export { type DetectorState, updateDetector } from './detector.ts';
export { createPageHinkley } from './page_hinkley.ts';
export {
  createStream,
  type StreamName,
  streamNames,
  watchCalls,
} from './streams.ts';
export { readFindings, readStreamRow, type StreamFinding, watchEntries } from './watch_log.ts';
