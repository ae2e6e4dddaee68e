export { heavyTask } from './heavy_task.ts';
export { openThreads, type Threads } from './open_threads.ts';
