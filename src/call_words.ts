/**
 * A call in words that a model, a person and the command line's JSON take alike: `set_traffic with {"model_id":"m",…}`.
 * What is undefined is left out.
 */
export function callWords(tool: string, given: Readonly<Record<string, unknown>>): string {
  return `${tool} with ${JSON.stringify(given)}`;
}
