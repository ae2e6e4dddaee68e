import type { Tool } from '../tools/define_tool.ts';
import { inputJsonSchema, outputJsonSchema } from './json_schema.ts';
import type { ListedTool } from './tool_list.ts';

/** The tools as a client gets them told that may call all; {@link toolsFor} leaves out what others may not. */
export function describeTools(tools: readonly Tool[]): ListedTool[] {
  return tools.map((tool) => ({
    permission: tool.permission,
    told: {
      name: tool.name,
      title: tool.title,
      description: tool.description,
      inputSchema: inputJsonSchema(tool.input),
      outputSchema: outputJsonSchema(tool.output),
      annotations: {
        readOnlyHint: tool.hints.readOnly,
        destructiveHint: tool.hints.destructive,
        idempotentHint: tool.hints.idempotent,
        openWorldHint: tool.hints.openWorld,
      },
    },
  }));
}
