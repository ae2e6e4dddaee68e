/**
 * The least a predict over stdio can cost: the SDK's own server with the same schemas and handlers that call
 * session.run in the process and log nothing; and an echo tool, which does not even do that.
 * Arguments: a model of one float32 input [N, 3], and one of one float32 input [N, M].
 */
import { readFileSync } from 'node:fs';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';

const [, , small = '', wide = ''] = process.argv;
const columns = 3;
const open = (file: string) => InferenceSession.create(readFileSync(file), { intraOpNumThreads: 1 });
const [smallSession, wideSession] = await Promise.all([open(small), open(wide)]);

async function run(session: InferenceSession, data: Float32Array, shape: number[]): Promise<number[]> {
  const [input = ''] = session.inputNames;
  const [output = ''] = session.outputNames;
  const results = await session.run({ [input]: new Tensor('float32', data, shape) }, [output]);
  return Array.from(results[output]?.data ?? [], Number);
}

const server = new McpServer({ name: 'floor', version: '1.0.0' }, { capabilities: {} });
const outputSchema = z.strictObject({
  model_id: z.string(),
  version: z.string(),
  route: z.string(),
  predictions: z.array(z.strictObject({ prediction_id: z.string(), value: z.unknown() })),
  latency_ms: z.number(),
  warnings: z.array(z.string()),
});

function answer(model_id: string, values: number[]) {
  const structuredContent = {
    model_id,
    version: '1',
    route: 'active',
    predictions: values.map((value, row) => ({ prediction_id: String(row), value })),
    latency_ms: 0,
    warnings: [],
  };
  return { content: [{ type: 'text' as const, text: JSON.stringify(structuredContent) }], structuredContent };
}

const records = z.strictObject({
  model_id: z.string(),
  inputs: z.array(z.record(z.string(), z.number())).min(1),
});
server.registerTool('predict', { inputSchema: records, outputSchema }, async ({ model_id, inputs }) => {
  const data = new Float32Array(inputs.length * columns);
  inputs.forEach((record, row) => {
    Object.values(record).forEach((value, column) => {
      data[row * columns + column] = value;
    });
  });
  return answer(model_id, await run(smallSession, data, [inputs.length, columns]));
});

const tensors = z.strictObject({
  model_id: z.string(),
  tensors: z.record(
    z.string(),
    z.strictObject({ datatype: z.string(), shape: z.array(z.number()), data: z.array(z.number()) }),
  ),
});
server.registerTool(
  'predict_tensors',
  { inputSchema: tensors, outputSchema },
  async ({ model_id, tensors: given }) => {
    const [tensor] = Object.values(given);
    return answer(
      model_id,
      await run(wideSession, Float32Array.from(tensor?.data ?? []), tensor?.shape ?? []),
    );
  },
);

server.registerTool('echo', { inputSchema: records }, async (given) => ({
  content: [{ type: 'text', text: JSON.stringify(given) }],
}));

await server.connect(new StdioServerTransport());
