import type { ResourceLink } from '../tools/define_tool.ts';
import type { ModelYardError } from './errors.ts';
import { answerText } from './message_size.ts';
import { ofQuotedTexts } from './stored_texts.ts';

/**
 * A tool's answer. The same facts stand in it as text and as structured content, so their JSON is made once.
 */
export interface ToolAnswer {
  /** The structured content. */
  facts: Record<string, unknown>;
  /** The JSON of `facts`, where it is made already. */
  json: string | undefined;
  text: string;
  /** Pictures (PNG, base64) and links to files, after the text. */
  attachments: Attachment[];
  /** What went wrong, where the answer says that. */
  error: ModelYardError | undefined;
}

type Attachment =
  | { type: 'image'; data: string; mimeType: string }
  | ({ type: 'resource_link' } & ResourceLink);

/** A tool's result as MCP has it. */
export type ToolResult = {
  content: ({ type: 'text'; text: string } | Attachment)[];
  structuredContent: Record<string, unknown>;
  isError?: true;
};

/** @returns undefined when it is too large for a message */
export function toolAnswer(
  facts: Record<string, unknown>,
  pictures: readonly Buffer[],
  links: readonly ResourceLink[],
): ToolAnswer | undefined {
  const images = pictures.map((png) => png.toString('base64'));
  const json = JSON.stringify(facts);
  const text = answerText(
    json,
    images.reduce((sum, data) => sum + data.length, 0),
  );
  if (text === undefined) return undefined;
  const attachments = [
    ...images.map((data) => ({ type: 'image' as const, data, mimeType: 'image/png' })),
    ...links.map((link) => ({ type: 'resource_link' as const, ...link })),
  ];
  return { facts, json, text, attachments, error: undefined };
}

export function errorAnswer(error: ModelYardError): ToolAnswer {
  const { code, message, retryable } = error;
  const hint = `${error.hint}${ofQuotedTexts(message, error.hint)}`;
  return {
    facts: { error: { code, message, hint, retryable } },
    json: undefined,
    text: `${code}: ${message} ${hint}`,
    attachments: [],
    error,
  };
}

export function toolResult({ facts, text, attachments, error }: ToolAnswer): ToolResult {
  return {
    content: [{ type: 'text', text }, ...attachments],
    structuredContent: facts,
    ...(error && { isError: true }),
  };
}

/** The JSON of toolResult: what was made into JSON before is not made again. */
export function toolResultJson({ facts, json, text, attachments, error }: ToolAnswer): string {
  const rest = attachments.map((attachment) => `,${JSON.stringify(attachment)}`).join('');
  return `{"content":[{"type":"text","text":${JSON.stringify(text)}}${rest}],"structuredContent":${json ?? JSON.stringify(facts)}${error ? ',"isError":true' : ''}}`;
}
