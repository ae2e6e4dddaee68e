import type { Graph } from './read_graph.ts';

const longestName = 64;
const shownLength = 24;
const maxPhrases = 1000;

/**
 * The names in a graph that are phrases rather than names: with blanks, or very long. The runtime's messages contain
 * names and are read by language models, so that a name could be an instruction to them.
 */
export function phrasesIn(graph: Graph): string[] {
  const phrases = new Set<string>();
  for (const { name, operator, domain, inputs, outputs } of graph.nodes)
    for (const text of [name, operator, domain, ...inputs, ...outputs])
      if (isPhrase(text) && phrases.size < maxPhrases) phrases.add(text);
  return [...phrases].sort((a, b) => b.length - a.length);
}

function isPhrase(text: string): boolean {
  return text.length > longestName || (text.length > shownLength && /\s/.test(text));
}

/** A message of the runtime with such names cut short and in quotes. */
export function plainMessage(message: string, phrases: readonly string[]): string {
  const plain = phrases.reduce((text, phrase) => text.replaceAll(phrase, quoted(phrase)), message);
  // What phrasesIn does not see, such as the names of nodes in a loop's body.
  return plain.replace(
    /Name:'(.{64,}?)' Status Message/gs,
    (_, name: string) => `Name:${quoted(name)} Status Message`,
  );
}

function quoted(phrase: string): string {
  const flat = phrase.replace(/\s+/g, ' ');
  return JSON.stringify(flat.length > shownLength ? `${flat.slice(0, shownLength)}…` : flat);
}
