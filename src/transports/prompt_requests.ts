import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  ErrorCode,
  GetPromptRequestSchema,
  type GetPromptResult,
  ListPromptsRequestSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js';
import { ModelYardError } from '../errors.ts';
import type { Reader } from '../prompts/index.ts';

/**
 * Answers what clients ask about prompts; they are loaded with the first request.
 *
 * @returns the names of a prompt's arguments; undefined: there is no such prompt
 */
export function offerPrompts(
  server: Server,
  reader: () => Promise<Reader>,
): (name: string) => Promise<string[] | undefined> {
  const load = async () => {
    const [{ promptsFor, promptText }, forWhom] = await Promise.all([
      import('../prompts/index.ts'),
      reader(),
    ]);
    return { prompts: promptsFor(forWhom), promptText, forWhom };
  };

  server.setRequestHandler(ListPromptsRequestSchema, async () => {
    const { prompts } = await load();
    return {
      prompts: prompts.map(({ name, title, description, arguments: taken }) => ({
        name,
        title,
        description,
        arguments: [...taken],
      })),
    };
  });

  server.setRequestHandler(GetPromptRequestSchema, async ({ params }): Promise<GetPromptResult> => {
    const { name, arguments: given = {} } = params;
    const { prompts, promptText, forWhom } = await load();
    const prompt = prompts.find((one) => one.name === name);
    if (prompt === undefined) {
      const known = prompts.map((one) => one.name).join(', ');
      throw new McpError(
        ErrorCode.InvalidParams,
        `There is no prompt ${name.slice(0, 100)}. Prompts: ${known}.`,
      );
    }
    try {
      const text = promptText(prompt, given, forWhom);
      return {
        description: prompt.description,
        messages: [{ role: 'user', content: { type: 'text', text } }],
      };
    } catch (thrown) {
      if (!(thrown instanceof ModelYardError)) throw thrown;
      throw new McpError(ErrorCode.InvalidParams, `${thrown.code}: ${thrown.message} ${thrown.hint}`);
    }
  });

  return async (name) => {
    const { prompts } = await load();
    return prompts.find((one) => one.name === name)?.arguments.map((argument) => argument.name);
  };
}
