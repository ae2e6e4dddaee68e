import type { VersionRecord } from '../../registry/version_record.ts';
import type { TableRow } from '../../tables/table.ts';
import { type CallerIds, type ClaimedRow, idFault, recordDigest } from '../caller_ids.ts';

/** What the callers' own ids of rows are used for. */
export function claimsOf(rows: readonly TableRow[]): ClaimedRow[] {
  return rows.map(({ others: [id], features, entityKey }) => ({
    predictionId: String(id),
    digest: recordDigest(features, entityKey),
  }));
}

/** Chunks that may be read before the first of them has claimed its ids. */
const chunksAhead = 3;

/**
 * Finds, chunk by chunk of one file, the rows whose ids cannot be used: missing, the same as an earlier row's, or used
 * before for something else. Such a row gets an error.
 */
export function idChecker(
  callerIds: CallerIds,
  { modelId, version }: VersionRecord,
): (rows: readonly TableRow[]) => Promise<void> {
  let recent: Map<string, string>[] = [];
  return async (rows) => {
    const claims = claimsOf(rows);
    const known = await callerIds.known(
      modelId,
      claims.map(({ predictionId }) => predictionId),
    );
    const here = new Map<string, string>();
    recent = [here, ...recent].slice(0, chunksAhead);
    for (const [index, row] of rows.entries()) {
      const { predictionId, digest } = claims[index] ?? { predictionId: '', digest: '' };
      const use = known.get(predictionId);
      const uses = [use?.digest, ...recent.map((chunk) => chunk.get(predictionId))];
      if (!here.has(predictionId)) here.set(predictionId, digest);
      row.fault ??= faultOf(
        row.others[0],
        uses.find((one) => one !== undefined && one !== digest),
        use?.version,
      );
    }
  };

  function faultOf(id: unknown, otherUse: string | undefined, usedVersion: string | undefined) {
    if (id === null || id === undefined || id === '') return 'The prediction id is missing.';
    const text = String(id);
    const shown = JSON.stringify(text.slice(0, 60));
    const fault = idFault(text);
    if (fault !== undefined) return `The prediction id ${shown} ${fault}.`;
    if (otherUse !== undefined)
      return `The prediction id ${shown} was used before for another prediction of ${modelId}.`;
    return usedVersion === undefined || usedVersion === version
      ? undefined
      : `The prediction id ${shown} was used before for a prediction of version ${usedVersion}; name that version to repeat it.`;
  }
}
