import type { Caller } from '../src/access/roles.ts';
import { callTool, type PipelineDependencies } from '../src/pipeline.ts';
import { type ToolResult, toolResult } from '../src/tool_answer.ts';
import type { Tool } from '../tools/define_tool.ts';

/** Calls a tool by the pipeline, for a caller who waits for the answer and cannot be asked anything. */
export async function runTool(
  dependencies: PipelineDependencies,
  tool: Tool,
  given: unknown,
  caller: Caller = { role: 'operator', readOnly: false },
): Promise<ToolResult> {
  const { signal } = new AbortController();
  const call = { caller, ask: undefined, cancelling: signal, progress: () => undefined };
  return toolResult(await callTool(dependencies, tool, given, call));
}
