import type { Tool } from '../tools/define_tool.ts';
import type { callTool, carryOut, GuardedCall, PipelineDependencies } from './pipeline.ts';
import type { Reading } from './resources/index.ts';

/** What reading resources needs besides the pipeline's own. */
export interface ReadingNeeds {
  dependencies: PipelineDependencies;
  tools: ReadonlyMap<string, Tool>;
  pipeline: { callTool: typeof callTool; carryOut: typeof carryOut };
  call: GuardedCall;
}

/** Whoever may do anything may read. */
const operation = { name: 'read_resource', permission: 'READ' } as const;

/** Reads for a resource by the one way of every call: permission, log and errors are those of the tools. */
export function resourceReading({ dependencies, tools, pipeline, call }: ReadingNeeds): Reading {
  return {
    async tool(name, given) {
      const tool = tools.get(name);
      if (tool === undefined) throw new Error(`A resource reads by ${name}, which is no tool.`);
      const { facts, error } = await pipeline.callTool(dependencies, tool, given, {
        ...call,
        ask: undefined,
        progress: () => undefined,
      });
      if (error !== undefined) throw error;
      return facts;
    },
    ask: (question) => pipeline.carryOut(dependencies, operation, () => ({}), call, question),
  };
}
