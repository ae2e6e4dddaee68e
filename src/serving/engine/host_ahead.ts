import { type HostProcess, spawnHost } from './host_process.ts';

/** A host without a model that was started before anybody asked for one, so that whoever does need not wait for its start. */
export interface HostAhead {
  /** The host, once, while it lives; undefined afterwards. */
  take(): HostProcess | undefined;
}

/** One that nobody has taken by then is ended, milliseconds. */
const lifetimeMs = 10_000;

/** @param memoryBytes as of spawnHost */
export function startHostAhead(memoryBytes: number | undefined): HostAhead {
  let host: HostProcess | undefined = spawnHost(memoryBytes);
  const take = () => {
    const taken = host;
    host = undefined;
    clearTimeout(timer);
    return taken?.isAlive() ? taken : undefined;
  };
  const timer = setTimeout(() => take()?.kill(), lifetimeMs).unref();
  return { take };
}
