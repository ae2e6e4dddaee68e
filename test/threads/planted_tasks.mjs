// A thread of the built project with tasks that go wrong in every way that tasks can.
import { ModelYardError } from '../../src/errors.ts';
import { serveTasks } from '../../src/threads/serve_tasks.ts';

serveTasks({
  double: ({ values }) => ({ values: values.map((value) => 2 * value) }),
  defect: ({ missing }) => missing.length,
  uncloneable: () => () => undefined,
  refuse: () => {
    throw new ModelYardError('NOT_ENOUGH_DATA', 'There are 3 rows.', 'Send more.');
  },
  busy: () => {
    throw Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });
  },
  report: (_, progress) => {
    progress(1, 2, 'half');
    progress(2, 2, 'all');
  },
  write: () => {
    process.stdout.write('from the thread\n');
    // biome-ignore lint/suspicious/noConsole: what a library might do
    console.log('and its console');
  },
  wait: () => new Promise(() => setInterval(() => undefined, 1000)),
  spin: () => {
    for (;;);
  },
  grow: () => {
    const kept = [];
    for (;;) kept.push(new Array(10_000).fill({}));
  },
  die: () => process.exit(3),
});
