/** The fields that a text search covers. */
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
 * The fields of a text search in one column, which is faster to scan than the fields themselves. Lower-cased here,
 * since the database knows case for ASCII only; line feeds keep a match within one field.
 */
export function searchText(facts: SearchedFacts): string {
  const { modelId, version, author, framework, algorithm, description, tags } = facts;
  const tagTexts = Object.entries(tags).map(([name, value]) => `${name}=${value}`);
  return [modelId, version, framework, algorithm, author, ...tagTexts, description]
    .filter((fact) => fact !== null && fact !== '')
    .join('\n')
    .toLowerCase();
}
