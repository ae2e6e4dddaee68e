/** The facts that a search for text looks at. */
export interface SearchedFacts {
  modelId: string;
  version: string;
  author: string | null;
  framework: string | null;
  algorithm: string | null;
  description: string | null;
  tags: Readonly<Record<string, string>>;
}

/**
 * What a search for text looks at, in one column: a short scan where the facts themselves would be a long one.
 * In lower case here, where case is known beyond ASCII; line feeds keep a match within one fact.
 */
export function searchText(facts: SearchedFacts): string {
  const { modelId, version, author, framework, algorithm, description, tags } = facts;
  const tagTexts = Object.entries(tags).map(([name, value]) => `${name}=${value}`);
  return [modelId, version, framework, algorithm, author, ...tagTexts, description]
    .filter((fact) => fact !== null && fact !== '')
    .join('\n')
    .toLowerCase();
}
