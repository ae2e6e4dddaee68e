import { fileURLToPath } from 'node:url';

/** The path of one of the test models. */
export function modelFile(name: string): string {
  return fileURLToPath(new URL(`${name}.onnx`, import.meta.url));
}
