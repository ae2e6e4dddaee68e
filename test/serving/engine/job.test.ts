import { expect, test } from 'vitest';
import { createDeadlines } from '../../../src/deadlines.ts';
import { createJob, type Job } from '../../../src/serving/engine/job.ts';
import type { NamedTensors } from '../../../src/serving/engine/protocol.ts';

const tensors = (): NamedTensors =>
  new Map([['x', { datatype: 'FP32', shape: [1], data: Float32Array.of(1) }]]);

function waiting() {
  const told: unknown[] = [];
  const owner = {
    timeoutMs: 60_000,
    deadlines: createDeadlines<Job>((job) => job.timeIsUp()),
    isHeldUp: () => false,
    leave: () => undefined,
    late: () => undefined,
  };
  const job = createJob(
    tensors(),
    { onRun: () => undefined },
    {
      owner,
      outputs: [],
      rows: 1,
      resolve: (outputs) => told.push(outputs),
      reject: (error) => told.push(error),
    },
  );
  return { job, told };
}

test('an answered call is answered once, and lets go of what it was given', () => {
  const { job, told } = waiting();
  const outputs = tensors();
  job.resolve(outputs);
  job.resolve(tensors());
  job.reject(new Error('too late'));
  expect(told).toEqual([outputs]);
  expect(job.settled).toBe(true);
  expect(job.tensors.size).toBe(0);
  expect(job.onRun).toBeUndefined();
});

test('one that failed keeps it: whose fault it was may be asked still', () => {
  const { job, told } = waiting();
  const error = new Error('failed');
  job.reject(error);
  expect(told).toEqual([error]);
  expect(job.tensors).toEqual(tensors());
});
