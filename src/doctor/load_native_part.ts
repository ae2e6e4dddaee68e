import { loadNativePart, type NativePart } from '../native_parts.ts';

/** Loads one native part: the program of a child process, since what is native may end its process. */
const names: readonly NativePart[] = ['libsql', 'onnxruntime', 'resvg'];
for (const name of names.filter((part) => part === process.argv[2])) {
  loadNativePart(name);
  process.stdout.write('loaded');
}
