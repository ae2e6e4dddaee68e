import type { Database } from '../storage/database.ts';
import type { AuditEntryRow } from '../storage/schema.ts';
import { firstHash, hashOf } from './audit.ts';
import { auditPages } from './audit_trail.ts';

/** Where the chain is broken, and how. */
interface ChainFault {
  sequence: number;
  fault: string;
}

export interface ChainReport {
  entries: number;
  /** The end of the chain by the head's record; undefined where that is missing. */
  head: { sequence: number; hash: string } | undefined;
  /** The first faults, in the order of entries. */
  faults: ChainFault[];
  faultsTotal: number;
}

/** An end of the chain that was recorded elsewhere. */
export interface KnownHead {
  sequence: number;
  hash: string;
}

const shownFaults = 50;

/**
 * Checks the audit trail from its first entry to the head: each entry's hash is of its own content, each has the hash
 * of the one before, none is missing, and the last is the head's. Read it in a snapshot, since an entry added
 * meanwhile looks like a fault.
 *
 * @param known a head that was recorded elsewhere and that the trail must contain
 */
export async function checkAuditChain(
  database: Database,
  progress: (checked: number) => void = () => undefined,
  known?: KnownHead,
): Promise<ChainReport> {
  const faults: ChainFault[] = [];
  let faultsTotal = 0;
  const report = (sequence: number, fault: string) => {
    faultsTotal++;
    if (faults.length < shownFaults) faults.push({ sequence, fault });
  };
  let entries = 0;
  let last: Pick<AuditEntryRow, 'sequence' | 'hash'> = { sequence: 0, hash: firstHash };
  for await (const page of auditPages(database)) {
    for (const entry of page) {
      checkEntry(entry, last, report);
      if (entry.sequence === known?.sequence && entry.hash !== known.hash)
        report(entry.sequence, 'it is not the entry whose head was kept: the trail was rewritten');
      if (entry.sequence > last.sequence) last = entry;
      entries++;
    }
    progress(entries);
  }
  const head = await database.selectFrom('audit_head').select(['sequence', 'hash']).executeTakeFirst();
  checkHead(head, last, report);
  if (known !== undefined && last.sequence < known.sequence)
    report(
      last.sequence + 1,
      `the trail was cut off here: it ends with entry ${last.sequence}, and its head was entry ${known.sequence} when it was kept`,
    );
  return { entries, head, faults, faultsTotal };
}

type Report = (sequence: number, fault: string) => void;

function checkEntry(
  entry: AuditEntryRow,
  last: Pick<AuditEntryRow, 'sequence' | 'hash'>,
  report: Report,
): void {
  const { sequence } = entry;
  const expected = last.sequence + 1;
  if (sequence < expected) report(sequence, 'it was inserted before the first entry');
  else if (sequence > expected)
    report(
      expected,
      sequence === expected + 1 ? 'it is missing' : `it and all up to ${sequence - 1} are missing`,
    );
  // Without the entry before it, its hash of that entry cannot be checked.
  else if (entry.previous_hash !== last.hash)
    report(sequence, `it does not follow from entry ${last.sequence}: one of the two was replaced`);
  if (hashOf(entry) !== entry.hash)
    report(sequence, 'its content was altered: it no longer has the hash it was written with');
}

function checkHead(
  head: ChainReport['head'],
  last: Pick<AuditEntryRow, 'sequence' | 'hash'>,
  report: Report,
): void {
  const { sequence } = last;
  if (head === undefined) report(sequence, 'the head, which says where the trail ends, is missing');
  else if (head.sequence > sequence)
    report(
      sequence + 1,
      head.sequence === sequence + 1
        ? 'it is missing at the end'
        : `it and all up to ${head.sequence} are missing at the end`,
    );
  else if (head.sequence < sequence)
    report(head.sequence + 1, `it and all up to ${sequence} stand behind the head: they were inserted`);
  else if (head.hash !== last.hash) report(sequence, 'it is not the entry that the head was written for');
}
