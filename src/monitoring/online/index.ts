export { type AdwinState, adwinEstimate, createAdwin } from './adwin.ts';
export type { Change } from './change.ts';
export { type DetectorState, parseDetector, updateDetector } from './detector.ts';
export { createPageHinkley, type PageHinkleyState } from './page_hinkley.ts';
