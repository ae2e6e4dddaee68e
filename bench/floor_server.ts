/**
 * The least a predict over stdio can cost: the SDK's own server with the same schemas and a handler that
 * calls session.run in the process and logs nothing; and an echo tool, which does not even do that.
 */
import { readFileSync } from 'node:fs';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';

const [, , model = '', columns = '3'] = process.argv;
const width = Number(columns);
const session = await InferenceSession.create(readFileSync(model), { intraOpNumThreads: 1 });
const [input = 'x'] = session.inputNames;
const [output = 'y'] = session.outputNames;

const server = new McpServer({ name: 'floor', version: '1.0.0' });
const inputSchema = z.strictObject({
  model_id: z.string(),
  inputs: z.array(z.record(z.string(), z.number())).min(1),
});
const outputSchema = z.strictObject({
  model_id: z.string(),
  version: z.string(),
  route: z.string(),
  predictions: z.array(z.strictObject({ prediction_id: z.string(), value: z.unknown() })),
  latency_ms: z.number(),
  warnings: z.array(z.string()),
});

server.registerTool('predict', { inputSchema, outputSchema }, async ({ model_id, inputs }) => {
  const data = new Float32Array(inputs.length * width);
  inputs.forEach((record, row) => {
    Object.values(record).forEach((value, column) => {
      data[row * width + column] = value;
    });
  });
  const results = await session.run({ [input]: new Tensor('float32', data, [inputs.length, width]) }, [
    output,
  ]);
  const values = results[output]?.data ?? [];
  const structuredContent = {
    model_id,
    version: '1',
    route: 'active',
    predictions: inputs.map((_, row) => ({ prediction_id: String(row), value: Number(values[row]) })),
    latency_ms: 0,
    warnings: [],
  };
  return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
});

server.registerTool('echo', { inputSchema }, async (given) => ({
  content: [{ type: 'text', text: JSON.stringify(given) }],
}));

await server.connect(new StdioServerTransport());
