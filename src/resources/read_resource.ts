import { ModelYardError } from '../errors.ts';
import { maxAnswerBytes, megabytes } from '../message_size.ts';
import { readAddress } from './address.ts';
import type { Reading } from './reading.ts';
import { view } from './views.ts';

/**
 * Reads one of our resources.
 *
 * @returns its facts as JSON; undefined for a URI of no form that there is
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, LIMIT_EXCEEDED when a message has no room for it, and as the tools that know it
 */
export async function readResource(
  uri: string,
  reading: Reading,
): Promise<{ uri: string; mimeType: string; text: string } | undefined> {
  const address = readAddress(uri);
  if (address === undefined) return undefined;
  const text = JSON.stringify(await view(address, reading));
  // It stands in the message as a text, with its quotation marks escaped.
  const bytes = Buffer.byteLength(JSON.stringify(text));
  if (bytes > maxAnswerBytes)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `${uri} has ${megabytes(bytes)} MB, more than clients take in one message.`,
      'Call get_model with the version, response_format=concise.',
    );
  return { uri, mimeType: 'application/json', text };
}
