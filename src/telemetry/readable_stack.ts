import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Places that were looked up: errors that come in numbers come from the same ones. */
const known = new Map<string, string>();
const mostKnown = 1000;

/**
 * A stack with the places of the bundle as places of its sources. Node would do it itself, but would read the maps, which are
 * as large as the bundle, at each start; here they are read when there is a stack to show.
 */
export function readableStack(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(/file:\/\/[^\s()]+\.js:\d+:\d+/g, (place) => {
    const found = known.get(place) ?? sourcePlace(place, maps);
    if (known.size < mostKnown) known.set(place, found);
    return found;
  });
}

function sourcePlace(place: string, maps: Map<string, SourceMap | undefined>): string {
  const [, url = '', line, column] = /^(.*):(\d+):(\d+)$/.exec(place) ?? [];
  const file = fileURLToPath(url);
  const map = maps.has(file) ? maps.get(file) : mapOf(file);
  maps.set(file, map);
  const entry = map?.findEntry(Number(line) - 1, Number(column) - 1);
  if (entry === undefined || !('originalSource' in entry)) return place;
  return `${join(dirname(file), entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}

/** What stands beside a file of the bundle; other files have none. */
function mapOf(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')));
  } catch {
    return undefined;
  }
}
