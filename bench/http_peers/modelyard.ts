import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { z } from 'zod';
import { packageDirectory } from '../../src/package_info.ts';
import type { Contestant } from './contestants.ts';
import { classLabels, type FormName, featureNames, modelFile } from './forms.ts';

const program = join(packageDirectory, 'dist', 'src', 'main.js');

/** The model of the example, as deploy_model takes it. */
export const games = {
  model_id: 'nba',
  version: '1',
  source: modelFile,
  feature_names: featureNames,
  class_labels: classLabels,
};

/** Calls a tool. @returns what it answers. @throws when it fails */
export type CallTool = (name: string, given: Record<string, unknown>) => Promise<Record<string, unknown>>;

/** `modelyard serve` of the built server with these settings. */
export function modelYard(
  name: string,
  form: FormName,
  path: string,
  settings: Record<string, string>,
): Contestant {
  return {
    name,
    form,
    path,
    command: (port, workers) => ({
      file: process.execPath,
      args: [program, 'serve', '--port', String(port), '--workers', String(workers)],
      env: settings,
    }),
  };
}

/** Calls tools of the built server, which runs that long. */
export async function withTools<T>(
  settings: Record<string, string>,
  work: (call: CallTool) => Promise<T>,
): Promise<T> {
  const client = new Client({ name: 'bench', version: '1.0.0' });
  const env = { ...getDefaultEnvironment(), ...settings };
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [program], env, stderr: 'ignore' }),
  );
  try {
    return await work(callerOf(client));
  } finally {
    await client.close();
  }
}

/** Longer than any tool takes, milliseconds. */
const patienceMs = 600_000;

export function callerOf(client: Client): CallTool {
  return async (name, given) => {
    const answer = await client.callTool({ name, arguments: given }, undefined, { timeout: patienceMs });
    if (answer.isError) throw new Error(`${name}: ${JSON.stringify(answer.content)}`);
    return z.record(z.string(), z.unknown()).parse(answer.structuredContent);
  };
}
