import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CompleteRequestSchema,
  ErrorCode,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { ModelYardError } from '../errors.ts';
import type { ReadableFiles } from '../files/file_access.ts';
import type { Reading, WatchedResources } from '../resources/index.ts';
import type { writtenFiles } from '../written_files.ts';

/** The protocol's code for a resource that there is not. */
const resourceNotFound = -32002;

export interface ResourceRequestsNeeds {
  /** Those that answers of the session link to. */
  files: ReturnType<typeof writtenFiles>;
  readable: () => Promise<ReadableFiles>;
  /** How what is asked comes by its facts. */
  reading: (cancelling: AbortSignal) => Promise<Reading>;
  /** The names of a prompt's arguments; undefined: there is no such prompt. */
  promptArguments: (name: string) => Promise<readonly string[] | undefined>;
}

/** Answers what clients ask about resources. What it takes is loaded with the first request. */
export function offerResources(
  server: Server,
  { files, readable, reading, promptArguments }: ResourceRequestsNeeds,
): void {
  server.setRequestHandler(ListResourcesRequestSchema, async ({ params }, { signal }) => {
    const { listResources } = await load();
    const { ask } = await reading(signal);
    return { ...(await telling(listResources(params?.cursor, { ask, links: files.list }))) };
  });

  server.setRequestHandler(ListResourceTemplatesRequestSchema, async () => {
    const { resourceTemplates } = await load();
    return { resourceTemplates };
  });

  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }, { signal }) => {
    const { isOurs, readResource, resourceTemplates } = await load();
    const content = isOurs(uri)
      ? await telling(readResource(uri, await reading(signal)), uri)
      : await telling(files.read(uri, await readable()), uri);
    if (content !== undefined) return { contents: [content] };
    if (!isOurs(uri))
      throw new McpError(resourceNotFound, 'No answer of this session has a link to that resource.', { uri });
    throw noSuchForm(uri, resourceTemplates);
  });

  server.setRequestHandler(CompleteRequestSchema, async ({ params }, { signal }) => {
    const { ref, argument, context } = params;
    const { complete, resourceTemplates } = await load();
    const isKnown =
      ref.type === 'ref/prompt'
        ? (await promptArguments(ref.name))?.includes(argument.name)
        : resourceTemplates.some(
            ({ uriTemplate }) => uriTemplate === ref.uri && uriTemplate.includes(argument.name),
          );
    if (!isKnown)
      throw new McpError(
        ErrorCode.InvalidParams,
        `There is no ${ref.type === 'ref/prompt' ? 'prompt' : 'template'} of that name with the argument ${argument.name.slice(0, 100)}.`,
      );
    const typed = { ...argument, others: context?.arguments ?? {} };
    return { completion: { ...(await telling(complete(typed, await reading(signal)))) } };
  });
}

/**
 * Tells the client of changes of what it subscribes to, whichever process makes them.
 *
 * @param reading how it is looked for them
 */
export function offerSubscriptions(server: Server, reading: ResourceRequestsNeeds['reading']): void {
  const closed = new AbortController();
  let watching: Promise<WatchedResources> | undefined;
  const watch = () => {
    watching ??= load().then(({ watchResources }) =>
      watchResources(
        () => reading(closed.signal),
        // A client that has gone away needs no word.
        (uri) => void server.sendResourceUpdated({ uri }).catch(() => undefined),
      ),
    );
    return watching;
  };

  server.setRequestHandler(SubscribeRequestSchema, async ({ params: { uri } }) => {
    const { isOurs, resourceTemplates } = await load();
    if (!isOurs(uri))
      throw new McpError(resourceNotFound, 'Files do not change: only modelyard:// resources do.', { uri });
    if (!(await telling((await watch()).subscribe(uri), uri))) throw noSuchForm(uri, resourceTemplates);
    return {};
  });

  server.setRequestHandler(UnsubscribeRequestSchema, async ({ params: { uri } }) => {
    (await watching)?.unsubscribe(uri);
    return {};
  });

  server.onclose = () => {
    closed.abort();
    void watching?.then((watched) => watched.close());
  };
}

function noSuchForm(uri: string, templates: readonly { uriTemplate: string }[]): McpError {
  const forms = templates.map(({ uriTemplate }) => uriTemplate).join(', ');
  return new McpError(resourceNotFound, `There is no resource of that form. Forms: ${forms}.`, { uri });
}

const load = () => import('../resources/index.ts');

/** Tells an error as the protocol has it. */
async function telling<T>(asked: Promise<T>, uri?: string): Promise<T> {
  try {
    return await asked;
  } catch (thrown) {
    if (!(thrown instanceof ModelYardError)) throw thrown;
    const { code, message, hint } = thrown;
    throw new McpError(numbers[code] ?? ErrorCode.InvalidParams, `${code}: ${message} ${hint}`, {
      ...(uri !== undefined && { uri }),
    });
  }
}

/** What is not the request's fault, and what the protocol has a number for. */
const numbers: Partial<Record<ModelYardError['code'], number>> = {
  MODEL_NOT_FOUND: resourceNotFound,
  VERSION_NOT_FOUND: resourceNotFound,
  STORAGE_UNAVAILABLE: ErrorCode.InternalError,
  TIMEOUT: ErrorCode.InternalError,
  INTERNAL: ErrorCode.InternalError,
};
