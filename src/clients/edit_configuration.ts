import { applyEdits, type FormattingOptions, modify } from 'jsonc-parser';
import { isPlainObject } from '../plain_object.ts';
import type { Client } from './client.ts';
import { readConfiguration } from './configured_servers.ts';

/** A client's file after a change, or why it cannot be changed. */
export type Edited = { text: string; fault: undefined } | { text: undefined; fault: string };

/** What a server's entry is; undefined where there is none. @throws nothing: a file that cannot be read has none */
export function entryOf(text: string, client: Client, name: string): Record<string, unknown> | undefined {
  const servers = readConfiguration(text, client).content?.[client.key];
  if (!isPlainObject(servers) || !Object.hasOwn(servers, name)) return undefined;
  const entry = servers[name];
  return isPlainObject(entry) ? entry : {};
}

/**
 * Puts an entry into a client's file, or takes it out (undefined). Everything else stays as it is, to the letter: comments,
 * order, indentation, line ends.
 */
export function editEntry(
  text: string,
  client: Client,
  name: string,
  entry: Record<string, unknown> | undefined,
): Edited {
  const { fault } = readConfiguration(text, client);
  if (fault !== undefined) return { text: undefined, fault };
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const json = text.slice(mark.length);
  const before = json.trim() === '' ? '{}\n' : json;
  const formattingOptions = formattingOf(before);
  const edits = modify(before, [client.key, name], entry, { formattingOptions });
  return { text: mark + applyEdits(before, edits), fault: undefined };
}

function formattingOf(json: string): FormattingOptions {
  const [, indentation = '  '] = /^([ \t]+)"/m.exec(json) ?? [];
  const insertSpaces = !indentation.startsWith('\t');
  return {
    insertSpaces,
    tabSize: insertSpaces ? indentation.length : 4,
    eol: json.includes('\r\n') ? '\r\n' : '\n',
  };
}
