/** A thread that runs one heavy task after another, whatever module has it. */
import type { HeavyTasks } from './heavy_task.ts';
import { serveTasks } from './serve_tasks.ts';

serveTasks<HeavyTasks>({
  async heavyTask({ module, name, input }) {
    const exported: Readonly<Record<string, unknown>> = await import(module);
    const task = exported[name];
    if (typeof task !== 'function') throw new Error(`${module} exports no function ${name}.`);
    return task(input);
  },
});
