export { type AdwinState, adwinEstimate, createAdwin } from './adwin.ts';
export type { Change } from './change.ts';
export { type DetectorState, parseDetector, updateDetector } from './detector.ts';
export { createPageHinkley, type PageHinkleyState } from './page_hinkley.ts';
export {
  createStream,
  type Finding,
  type Stream,
  type StreamName,
  streamNames,
  watchCalls,
} from './streams.ts';
export { readFindings, type StreamFinding, watchEntries } from './watch_log.ts';
