import { read } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ResourceLink } from '../tools/define_tool.ts';
import { ModelYardError } from './errors.ts';
import { type ReadableFiles, withReadable } from './files/file_access.ts';
import { maxAnswerBytes, megabytes } from './message_size.ts';

/** A file's content as a resource has it. */
type FileContent = { uri: string; mimeType: string } & ({ text: string } | { blob: string });

/** Files whose links are known: more would be forgotten by whoever asked for them too. */
const mostLinks = 1000;

/** JSON writes a quotation mark or a line's end as two bytes, and base64 three bytes as four. */
const largestFileBytes = Math.floor(maxAnswerBytes / 2);

/** The links of a session's answers. */
export interface KnownLinks {
  remember(links: readonly ResourceLink[]): Promise<void>;
  /** At most 1000, the newest first. */
  list(): Promise<ResourceLink[]>;
}

/** Those of a session that one process answers. */
function linksInMemory(): KnownLinks {
  const links = new Map<string, ResourceLink>();
  return {
    async remember(some) {
      for (const link of some) {
        links.delete(link.uri);
        links.set(link.uri, link);
      }
      for (const uri of links.keys()) {
        if (links.size <= mostLinks) break;
        links.delete(uri);
      }
    },
    list: async () => [...links.values()].reverse(),
  };
}

/** The files that the answers of a session link to, so that the links lead somewhere. */
interface WrittenFiles extends KnownLinks {
  /**
   * Reads one of them; no other file can be read so.
   * @returns undefined for a URI that no answer of this session had
   * @throws PATH_NOT_ALLOWED, INVALID_INPUT when it has been moved or removed, LIMIT_EXCEEDED when a message has no room for it
   */
  read(uri: string, files: ReadableFiles): Promise<FileContent | undefined>;
}

export function writtenFiles(links: KnownLinks = linksInMemory()): WrittenFiles {
  return {
    ...links,
    async read(uri, files) {
      const link = (await links.list()).find((one) => one.uri === uri);
      if (link === undefined) return undefined;
      const path = fileURLToPath(uri);
      const content = await withReadable(path, files, ({ fd, bytes }) => {
        if (bytes > largestFileBytes)
          throw new ModelYardError(
            'LIMIT_EXCEEDED',
            `${path} has ${megabytes(bytes)} MB, more than the ${megabytes(largestFileBytes)} MB that a message has room for.`,
            'Read the file itself.',
          );
        return contentOf(fd, bytes);
      });
      const { mimeType } = link;
      return mimeType === 'application/vnd.apache.parquet'
        ? { uri, mimeType, blob: content.toString('base64') }
        : { uri, mimeType, text: content.toString('utf8') };
    },
  };
}

const readInto = promisify(read);

/** As many bytes as the file had when it was opened, or fewer where it has shrunk since. */
async function contentOf(fd: number, bytes: number): Promise<Buffer> {
  const content = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await readInto(fd, content, filled, bytes - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return content.subarray(0, filled);
}
