/**
 * Loads one native part and uses a little of it: the program of a child process, since what is native may end its process.
 */
const parts: Record<string, () => Promise<void>> = {
  async onnxruntime() {
    const { Tensor } = await import('onnxruntime-node');
    new Tensor('float32', [0], [1]);
  },
  async libsql() {
    const { default: Database } = await import('libsql');
    const database = new Database(':memory:');
    database.exec('select 1');
    database.close();
  },
  async resvg() {
    const { Resvg } = await import('@resvg/resvg-js');
    new Resvg('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>').render();
  },
};

await parts[process.argv[2] ?? '']?.();
process.stdout.write('loaded');
