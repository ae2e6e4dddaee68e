import type { z } from 'zod';
import type { VersionRecord } from '../../src/registry/version_record.ts';
import type { signature } from './schemas.ts';

/** Characters that each part of a signature may take in a concise answer. */
const featureCharacters = 2400;
const tensorCharacters = 800;
const classCharacters = 400;

type ShownSignature = z.output<typeof signature>;

/** A version's signature in an answer: whole, or as many items of each part as have room, with the number of all. */
export function shownSignature(
  { signature: { inputs, outputs, features } }: Pick<VersionRecord, 'signature'>,
  cut: boolean,
): ShownSignature {
  const cuts: string[] = [];
  const some = <Item>(items: readonly Item[], what: string, characters: number): Item[] => {
    const shown = cut ? fitting(items, characters) : [...items];
    if (shown.length < items.length) cuts.push(`${shown.length} of ${items.length} ${what}`);
    return shown;
  };
  const classesOf = (classes: readonly (string | number)[], name: string) =>
    some(classes, `classes of ${name.slice(0, 80)}`, classCharacters);
  const shown = {
    inputs: some(inputs, 'inputs', tensorCharacters).map(({ name, datatype, shape, unranked }) => ({
      name,
      datatype,
      shape,
      ...(unranked && { unranked }),
    })),
    outputs: some(
      outputs.map(({ name, datatype, shape, unranked, role, classes }) => ({
        name,
        datatype,
        shape,
        ...(unranked && { unranked }),
        ...(role && { role }),
        ...(classes && { classes: classesOf(classes, name) }),
      })),
      'outputs',
      tensorCharacters,
    ),
    features: some(features, 'features', featureCharacters),
  };
  return {
    ...shown,
    ...(cuts.length > 0 && {
      not_whole: `Shown: ${cuts.join(', ')}. All: get_model with version and response_format=detailed.`,
    }),
  };
}

/** The first items that have room, at least `least`. */
export function fitting<Item>(items: readonly Item[], characters: number, least = 1): Item[] {
  let left = characters;
  const end = items.findIndex((item, index) => {
    left -= JSON.stringify(item).length + 1;
    return left < 0 && index >= least;
  });
  return end === -1 ? [...items] : items.slice(0, end);
}
