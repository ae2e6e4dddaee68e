import { getNodeValue, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { z } from 'zod';
import { isPlainObject } from '../plain_object.ts';
import type { Client } from './client.ts';

const entrySchema = z.looseObject({
  command: z.string(),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).default({}),
  cwd: z.string().optional(),
});

/** A server that a client would start as a process. */
export interface ConfiguredServer {
  name: string;
  command: string;
  args: readonly string[];
  env: Record<string, string>;
  cwd: string | undefined;
}

/** The content of a client's file; a byte order mark, which some editors of Windows write, is passed over. */
export type Configuration =
  | { content: Record<string, unknown>; fault: undefined }
  | { content: undefined; fault: string };

/** Reads what is in a client's file; an empty one is an empty object. */
export function readConfiguration(
  text: string,
  { comments, key }: Pick<Client, 'comments' | 'key'>,
): Configuration {
  const json = text.replace(/^\uFEFF/, '');
  if (json.trim() === '') return { content: {}, fault: undefined };
  const faults: ParseError[] = [];
  const tree = parseTree(json, faults, {
    disallowComments: !comments,
    allowTrailingComma: comments,
    allowEmptyContent: true,
  });
  const [fault] = faults;
  if (fault !== undefined) {
    const { offset, error } = fault;
    const before = json.slice(0, offset).split('\n');
    const where = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    return { content: undefined, fault: `is no JSON: ${inWords(printParseErrorCode(error))} in ${where}` };
  }
  // A file may hold nothing but comments. The parser's objects have no prototype; these are as JSON's.
  const content: unknown = tree === undefined ? {} : JSON.parse(JSON.stringify(getNodeValue(tree)));
  if (!isPlainObject(content)) return { content: undefined, fault: 'does not hold a JSON object' };
  const servers = content[key];
  if (servers !== undefined && !isPlainObject(servers))
    return { content: undefined, fault: `has a member ${key} that is no object` };
  return { content, fault: undefined };
}

/** `CloseBraceExpected` → `close brace expected`. */
function inWords(code: string): string {
  return code.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).toLowerCase();
}

/** The entries of a configuration that are ModelYard's; `fault` for one that no client could start. */
export function modelYardServers(servers: unknown): FoundServer[] {
  if (!isPlainObject(servers)) return [];
  return Object.entries(servers).flatMap(([name, entry]): FoundServer[] => {
    const isNamed = /modelyard/i.test(name);
    // One that is reached over the network is no process of the client's.
    if (isPlainObject(entry) && 'url' in entry) return [];
    const read = entrySchema.safeParse(entry);
    if (!read.success) return isNamed ? [{ name, fault: 'has no command that can be started' }] : [];
    const { command, args, env, cwd } = read.data;
    return isNamed || startsModelYard(command, args) ? [{ name, command, args, env, cwd }] : [];
  });
}

type FoundServer = ConfiguredServer | { name: string; fault: string };

/** By the program and the first argument that is no flag: what follows may be anything, such as a folder. */
function startsModelYard(command: string, args: readonly string[]): boolean {
  const first = args.find((argument) => !/^(-|\/[cC]$)/.test(argument)) ?? '';
  return [command, first].some((word) => /(^|[\\/])modelyard([\\/@.]|$)/i.test(word));
}
