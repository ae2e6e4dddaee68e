import type { z } from 'zod';
import type { VersionRecord } from '../../src/registry/version_record.ts';
import { beginning, roomFor } from './room.ts';
import type { signature } from './schemas.ts';

/** Characters of a signature in a concise answer, and of each of its parts. */
const signatureCharacters = 3500;
const featureCharacters = 2400;
const tensorCharacters = 600;
const classCharacters = 400;

type ShownSignature = z.output<typeof signature>;

/** A version's signature in an answer: whole, or as many items of each part as have room, with the number of all. */
export function shownSignature(
  { signature: { inputs, outputs, features } }: Pick<VersionRecord, 'signature'>,
  cut: boolean,
): ShownSignature {
  const room = roomFor(!cut, signatureCharacters);
  const shown = {
    inputs: room
      .items(inputs, 'inputs', tensorCharacters, { least: 1 })
      .map(({ name, datatype, shape, unranked }) => ({
        name,
        datatype,
        shape,
        ...(unranked && { unranked }),
      })),
    outputs: room.items(
      outputs.map(({ name, datatype, shape, unranked, role, classes }) => ({
        name,
        datatype,
        shape,
        ...(unranked && { unranked }),
        ...(role && { role }),
        ...(classes && {
          classes: room.items(classes, `classes of ${beginning(name, 80)}`, classCharacters),
        }),
      })),
      'outputs',
      tensorCharacters,
      { least: 1 },
    ),
    features: room.items(features, 'features', featureCharacters, { least: 1 }),
  };
  return { ...shown, ...room.notWhole('All: get_model with version and response_format=detailed.') };
}
