import { ModelYardError } from '../../errors.ts';
import type { Asked, Blame } from './blame.ts';
import { RunFailure } from './fault.ts';
import type { HostProcess } from './host_process.ts';
import type { Job } from './job.ts';
import type { Member, PoolHosts } from './pool_hosts.ts';
import type { RefusedInputs } from './refused_inputs.ts';

/** Finds whose fault failed calls were. */
export interface Judge {
  /** The failure of a call that ran alone; where its host ended, another is started and asked. */
  judged(member: Member, job: Job, error: unknown): Promise<unknown>;
  /** The failure of a call after which another host was asked. An input that is to blame is refused for a while. */
  blamed(job: Job, error: ModelYardError): RunFailure;
}

/** Why a host cannot be started that say nothing of its model: there is no room for it, or no way to the artifact. */
const hindrances: readonly string[] = ['LIMIT_EXCEEDED', 'STORAGE_UNAVAILABLE'];

export function createJudge(
  blame: Blame,
  asked: (host: HostProcess) => Asked,
  hosts: PoolHosts,
  refused: RefusedInputs,
): Judge {
  function blamed(job: Job, error: ModelYardError): RunFailure {
    const fault = blame.fault(job);
    const failure = new RunFailure(error, fault, fault === 'caller' && isHang(error) ? ranOn(error) : {});
    if (fault === 'caller') refused.refuse(job.tensors, failure);
    return failure;
  }
  return {
    blamed,

    async judged(member, job, error) {
      if (!(error instanceof ModelYardError)) return error;
      if (error.code === 'INFERENCE_FAILED') {
        await blame.ask(asked(member.host), { isNew: false });
        return new RunFailure(error, blame.fault(job));
      }
      const isCrash = error.code === 'ENGINE_CRASHED';
      if (!isCrash && !isHang(error)) return error;
      // Somebody ended it: by unloading the version, or from outside.
      if (isCrash && !member.host.endedByItself())
        return new RunFailure(error, 'nobody', { isFromOutside: true });
      try {
        await hosts.replace(member);
      } catch (failure) {
        const isElsewhere = failure instanceof ModelYardError && hindrances.includes(failure.code);
        return new RunFailure(error, isElsewhere ? 'nobody' : 'model');
      }
      return blamed(job, error);
    },
  };
}

/** Whether a run took longer than its limit. */
export function isHang(error: unknown): error is ModelYardError {
  return error instanceof ModelYardError && error.code === 'TIMEOUT';
}

function ranOn({ message, hint }: ModelYardError): { message: string; hint: string } {
  return { message: `${message} It answers other inputs in time.`, hint };
}
