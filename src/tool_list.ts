import { readFile } from 'node:fs/promises';
import { lackingTools, withoutTools } from './access/known_tools.ts';
import type { Caller, Permission } from './access/roles.ts';
import { builtFile } from './built_file.ts';
import type { Toolset } from './toolsets.ts';

/** A tool of the list: whom it is for, and what a client is told of it. */
export interface ListedTool {
  permission: Permission;
  told: { name: string; title: string; description: string; [member: string]: unknown };
}

/** The list that the build made of the catalogue; it needs neither the tools nor their schemas. */
export async function readToolList(): Promise<ListedTool[]> {
  return JSON.parse(await readFile(builtFile('tools.json'), 'utf8'));
}

/** What tools/list answers: the tools that the caller may call, of the sets that are offered, in texts that name no other. */
export function toolsFor(
  list: readonly ListedTool[],
  caller: Caller,
  offered?: readonly Toolset[],
): { tools: ListedTool['told'][] } {
  const lacking = lackingTools(
    list.map(({ permission, told }) => ({ permission, name: told.name })),
    caller,
    offered,
  );
  const told = list.map((tool) => tool.told).filter(({ name }) => !lacking.includes(name));
  if (lacking.length === 0) return { tools: told };
  const withOpenTexts = (name: string, value: unknown) =>
    name === 'description' && typeof value === 'string' ? withoutTools(value, lacking) : value;
  return { tools: JSON.parse(JSON.stringify(told), withOpenTexts) };
}
