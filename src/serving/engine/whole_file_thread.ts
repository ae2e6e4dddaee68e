/** A thread that puts models and the files beside them together: reading a graph of a gigabyte holds a thread up. */
import { serveTasks } from '../../threads/serve_tasks.ts';
import { writeWholeFile } from '../graph/whole_file.ts';
import type { WholeFileTasks } from './whole_files.ts';

serveTasks<WholeFileTasks>({
  write: ({ file, folder, to, maxBytes }) => writeWholeFile(file, folder, to, maxBytes),
});
