/** A thread that reads and measures large windows of the log, so that it takes no time of the thread that answers calls. */

import { readWindow } from '../../prediction_log/window.ts';
import { serveTasks } from '../../threads/serve_tasks.ts';
import { withDatabase } from '../../threads/with_database.ts';
import { measure } from './measure.ts';
import type { MeasuringTasks } from './measurer.ts';

serveTasks<MeasuringTasks>({
  measure: ({ address, request }) =>
    withDatabase(address, (database) =>
      measure({ database, readWindow: readWindow.bind(undefined, database) }, request),
    ),
});
