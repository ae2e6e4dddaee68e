import { isDeepStrictEqual } from 'node:util';
import { findNodeAtLocation, type Node, parseTree } from 'jsonc-parser';
import { isPlainObject } from '../plain_object.ts';
import type { Client } from './client.ts';
import { readConfiguration } from './configured_servers.ts';

/** A client's file after a change, or why it cannot be changed. */
export type Edited = { text: string; fault: undefined } | { text: undefined; fault: string };

/** What a server's entry is; undefined where there is none, or the file cannot be read. */
export function entryOf(text: string, client: Client, name: string): Record<string, unknown> | undefined {
  const servers = serversIn(text, client);
  if (!Object.hasOwn(servers, name)) return undefined;
  const entry = servers[name];
  return isPlainObject(entry) ? entry : {};
}

function serversIn(text: string, client: Client): Record<string, unknown> {
  const servers = readConfiguration(text, client).content?.[client.key];
  return isPlainObject(servers) ? servers : {};
}

/**
 * Puts an entry into a client's file, or takes it out (undefined). Every other character stays: comments, order, indentation,
 * line ends, a byte order mark.
 */
export function editEntry(
  text: string,
  client: Client,
  name: string,
  entry: Record<string, unknown> | undefined,
): Edited {
  const { fault } = readConfiguration(text, client);
  if (fault !== undefined) return { text: undefined, fault };
  if (isDeepStrictEqual(entryOf(text, client, name), entry)) return { text, fault: undefined };
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const json = text.slice(mark.length);
  const root = parseTree(json);
  const after =
    mark +
    (root === undefined ? newFile(json, client.key, name, entry) : edit(json, root, client.key, name, entry));
  const { [name]: _, ...others } = serversIn(text, client);
  const expected = entry === undefined ? others : { ...others, [name]: entry };
  // What was made is read as the client will read it.
  if (isDeepStrictEqual(serversIn(after, client), expected)) return { text: after, fault: undefined };
  return { text: undefined, fault: 'is written in a way that cannot be changed without harm' };
}

/** There is nothing in it, but perhaps comments. */
function newFile(
  before: string,
  key: string,
  name: string,
  entry: Record<string, unknown> | undefined,
): string {
  return `${before.trimEnd()}${before.trim() === '' ? '' : '\n'}${JSON.stringify(entry === undefined ? {} : { [key]: { [name]: entry } }, undefined, 2)}\n`;
}

function edit(
  json: string,
  root: Node,
  key: string,
  name: string,
  entry: Record<string, unknown> | undefined,
): string {
  const style = styleOf(json);
  const there = findNodeAtLocation(root, [key, name]);
  if (entry === undefined) return there === undefined ? json : withoutMember(json, there);
  if (there !== undefined)
    return json.slice(0, there.offset) + written(entry, 2, style) + json.slice(there.offset + there.length);
  const servers = findNodeAtLocation(root, [key]);
  return servers === undefined
    ? withMember(json, root, key, { [name]: entry }, 1, style)
    : withMember(json, servers, name, entry, 2, style);
}

interface Style {
  indentation: string;
  lineEnd: string;
}

function styleOf(json: string): Style {
  return {
    indentation: /^([ \t]+)"/m.exec(json)?.[1] ?? '  ',
    lineEnd: json.includes('\r\n') ? '\r\n' : '\n',
  };
}

function written(value: unknown, depth: number, { indentation, lineEnd }: Style): string {
  return JSON.stringify(value, undefined, indentation).replaceAll('\n', lineEnd + indentation.repeat(depth));
}

/** Puts a member behind the last of an object, which is `depth - 1` deep. */
function withMember(
  json: string,
  object: Node,
  name: string,
  value: unknown,
  depth: number,
  style: Style,
): string {
  const { indentation, lineEnd } = style;
  const member = `${lineEnd}${indentation.repeat(depth)}${JSON.stringify(name)}: ${written(value, depth, style)}`;
  const last = object.children?.at(-1);
  if (last !== undefined) return inserted(json, endOf(last), `,${member}`);
  const rest = /^[ \t]*\}/.test(json.slice(object.offset + 1)) ? lineEnd + indentation.repeat(depth - 1) : '';
  return inserted(json, object.offset + 1, member + rest);
}

/** Takes out the member that a value is of, with the comma that parted it from others. */
function withoutMember(json: string, value: Node): string {
  const member = value.parent;
  const siblings = member?.parent?.children;
  if (member === undefined || siblings === undefined) return json;
  const at = siblings.indexOf(member);
  const [previous, next] = [siblings[at - 1], siblings[at + 1]];
  const comma = /^\s*,/.exec(json.slice(endOf(member)))?.[0].length ?? 0;
  const [from, to] =
    previous !== undefined
      ? [endOf(previous), endOf(member)]
      : [member.offset, next === undefined ? endOf(member) + comma : next.offset];
  return json.slice(0, from) + json.slice(to);
}

function endOf({ offset, length }: Node): number {
  return offset + length;
}

function inserted(text: string, at: number, what: string): string {
  return text.slice(0, at) + what + text.slice(at);
}
