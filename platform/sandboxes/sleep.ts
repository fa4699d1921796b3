import { ThawError, toThawError } from '../errors.ts';
import type { Sandbox } from './contract.ts';
import type { Fleet } from './fleet.ts';
import { requireTtl } from './limits.ts';
import type { LiveSandbox } from './live.ts';

/** Freezes a sandbox as it is. Pausing one that is paused is no error. Its time stands still. */
export function pause(fleet: Fleet, live: LiveSandbox): Promise<Sandbox> {
  return live.turn(async () => {
    requireAlive(live);
    if (live.record.state === 'paused') return live.shown();
    await fallAsleep(fleet, live);
    await fleet.change(live, { state: 'paused', endsAt: null });
    fleet.tell(live, 'paused');
    return live.shown();
  });
}

/** Lets a paused sandbox go on, with its whole time again. Resuming one that runs is no error. */
export function resume(
  fleet: Fleet,
  live: LiveSandbox,
  options: { ttlSeconds?: number | undefined; signal: AbortSignal },
): Promise<Sandbox> {
  const { ttlSeconds = live.record.ttlSeconds } = options;
  requireTtl(ttlSeconds, fleet.parts.bounds);
  return live.turn(async () => {
    requireAlive(live);
    await wake(fleet, live, options.signal, ttlSeconds);
    return live.shown();
  });
}

/**
 * Sees to it that a sandbox can be used: one that is paused goes on.
 *
 * @throws ThawError as `Host.wake` does; `quota_exceeded` when the project has as many running as it may
 */
export async function awaken(fleet: Fleet, live: LiveSandbox, signal: AbortSignal): Promise<void> {
  const isAwake = () => live.record.state === 'running' && !live.falling && !fleet.parts.host.get(live.vm)?.asleep;
  if (isAwake() && !live.ending) return;
  await live.turn(async () => {
    requireAlive(live);
    if (!isAwake()) await wake(fleet, live, signal, live.record.ttlSeconds);
  });
}

/** Puts the VM to sleep, whatever the sandbox's state says. */
export async function fallAsleep({ parts }: Fleet, live: LiveSandbox): Promise<void> {
  live.falling = true;
  try {
    // Connections through the edge would stay open to nowhere.
    parts.gone(live.id);
    await parts.host.sleep(live.vm);
  } finally {
    live.falling = false;
  }
}

async function wake(fleet: Fleet, live: LiveSandbox, signal: AbortSignal, ttlSeconds: number): Promise<void> {
  const { clock, host } = fleet.parts;
  const { project, memoryMiB, cpus, state } = live.record;
  using _room = state === 'paused' ? await fleet.reserve(project, { count: 1, memoryMiB, cpus }) : undefined;
  try {
    await host.wake(live.vm, signal);
  } catch (thrown) {
    const error = toThawError(thrown);
    if (error.code === 'no_room' || error.code === 'cancelled') throw error;
    // Not waited for: it waits for this turn to be over.
    void fleet.end(live, error.code === 'template_stale' ? 'host' : 'crashed').catch((err: unknown) => {
      fleet.parts.log.error({ sandbox: live.id, err }, 'a sandbox could not be ended');
    });
    throw error;
  }
  if (state !== 'paused') return;
  const endsAt = new Date(clock().getTime() + ttlSeconds * 1000).toISOString();
  await fleet.change(live, { state: 'running', ttlSeconds, endsAt });
  fleet.tell(live, 'resumed');
}

function requireAlive(live: LiveSandbox): void {
  if (live.ending) throw new ThawError('gone', `The sandbox ${live.id} is over.`, { hint: 'Create another one.' });
}
