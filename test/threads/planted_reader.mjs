// A thread of the built project that reads rows of SQLite and never stops.
import { openHandle } from '../../src/storage/sqlite_handle.ts';
import { serveTasks } from '../../src/threads/serve_tasks.ts';

serveTasks({
  async read(_, progress) {
    const handle = openHandle(':memory:');
    await handle.exec('create table numbers(number integer)');
    await handle.exec('insert into numbers values (1), (2), (3)');
    progress(1);
    for (;;) await handle.run({ sql: 'select number from numbers', parameters: [] });
  },
});
