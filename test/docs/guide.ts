import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url));

/** A fenced block: ```language subject */
export interface Block {
  line: number;
  language: string;
  /** What a JSON block is: the tool that it calls, the file that it is, or `server`. */
  subject: string;
  text: string;
  /** The sentence before it that says why the tests do not run it. */
  notRun: string | undefined;
}

export interface Guide {
  /** Relative to the repository. */
  path: string;
  text: string;
  blocks: Block[];
  /** What stands between backquotes, outside blocks. */
  spans: string[];
  /** Targets of links and pictures. */
  links: string[];
  /** Of the headings, as GitHub makes them. */
  anchors: Set<string>;
}

/** The README, the guides and the other pages that people read. */
export function readGuides(): Guide[] {
  const pages = readdirSync(`${repository}/docs`, { recursive: true, encoding: 'utf8' })
    .map((name) => `docs/${name.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', 'examples/nba/README.md', ...pages.sort()].map(readGuide);
}

function readGuide(path: string): Guide {
  const text = readFileSync(`${repository}/${path}`, 'utf8');
  const prose: string[] = [];
  const blocks: Block[] = [];
  let open: Block | undefined;
  let lastParagraph = '';
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^\s*```(\w*) ?(.*)$/.exec(line);
    if (open !== undefined) {
      if (fence === null) open.text += `${line}\n`;
      else open = undefined;
    } else if (fence !== null) {
      const notRun = lastParagraph.startsWith('_Not run by the tests') ? lastParagraph : undefined;
      open = { line: index + 1, language: fence[1] ?? '', subject: fence[2] ?? '', text: '', notRun };
      blocks.push(open);
    } else {
      prose.push(line);
      if (line.trim() !== '') lastParagraph = line.trim();
    }
  }
  const words = prose.join('\n');
  const withoutSpans = words.replaceAll(/`[^`\n]+`/g, 'code');
  return {
    path,
    text,
    blocks,
    spans: [...words.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span),
    links: [...withoutSpans.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target),
    anchors: new Set(prose.filter((line) => /^#+ /.test(line)).map(anchorOf)),
  };
}

function anchorOf(heading: string): string {
  return heading
    .replace(/^#+ /, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');
}
