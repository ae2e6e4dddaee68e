/**
 * The least a prediction over HTTP can cost in Node: node:http, and session.run in the process, with no log, routes,
 * checks or limits. Arguments: port, processes, the model; FEATURES in the environment names its columns.
 */
import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const [, , port = '', processes = '1', model = ''] = process.argv;
const features = (process.env.FEATURES ?? '').split(',');

async function serve(): Promise<void> {
  const session = await InferenceSession.create(readFileSync(model), { intraOpNumThreads: 1 });
  createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const { inputs }: { inputs: Record<string, number>[] } = JSON.parse(
        Buffer.concat(chunks).toString('utf8'),
      );
      const data = new Float32Array(inputs.length * features.length);
      inputs.forEach((record, row) => {
        features.forEach((name, column) => {
          data[row * features.length + column] = record[name] ?? Number.NaN;
        });
      });
      const { label, probabilities } = await session.run({
        features: new Tensor('float32', data, [inputs.length, features.length]),
      });
      const predictions = inputs.map((_, row) => ({
        value: Number(label?.data[row]),
        probabilities: [Number(probabilities?.data[2 * row]), Number(probabilities?.data[2 * row + 1])],
      }));
      const body = JSON.stringify({ predictions });
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      });
      response.end(body);
    });
  }).listen(Number(port), '127.0.0.1');
}

if (cluster.isPrimary && Number(processes) > 1)
  for (let started = 0; started < Number(processes); started++) cluster.fork();
else await serve();
