/**
 * A worker thread that gathers what alerts are judged by: drift reports over a day of the log and counts over a week
 * take time that the thread that answers calls does not have.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { openDatabase } from '../../storage/database.ts';
import { type EvidenceRequest, gatherEvidence } from './evidence.ts';
import type { EvidenceAnswer, EvidenceThreadOptions } from './evidence_gatherer.ts';

const options: EvidenceThreadOptions = workerData;
const opened = openDatabase(options);
// A failure is told to whoever asks.
opened.catch(() => undefined);

parentPort?.on('message', async (request: EvidenceRequest) => {
  parentPort?.postMessage(await answerTo(request));
});

async function answerTo(request: EvidenceRequest): Promise<EvidenceAnswer> {
  try {
    const { database } = await opened;
    return { evidence: await gatherEvidence(database, request, Date.now) };
  } catch (error) {
    return { failure: messageOf(error) };
  }
}
