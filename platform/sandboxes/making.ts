import { ThawError } from '../errors.ts';
import type { Vm } from '../host/contract.ts';
import type { Sandbox, SandboxRequest } from './contract.ts';
import { hostEgress } from './egress.ts';
import type { Fleet } from './fleet.ts';
import { DEFAULT_TTL_SECONDS, requireRecordable, requireTtl } from './limits.ts';
import type { LiveSandbox } from './live.ts';
import type { SandboxRecord } from './records.ts';
import type { Templates } from './templates.ts';

/** Label that tells a sandbox's VM from those of apps and builds. */
export const ROLE = 'sandbox';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_LENGTH = 15;
const MOST_FORKS = 20;

/** Makes a sandbox: one thaw. Its record is written meanwhile. */
export async function create(
  fleet: Fleet,
  templates: Templates,
  request: SandboxRequest & { project: string },
  signal: AbortSignal,
): Promise<Sandbox> {
  const { bounds, host, control, random } = fleet.parts;
  const { project, egress = { allow: [] } } = request;
  const ttlSeconds = requireTtl(request.ttlSeconds ?? DEFAULT_TTL_SECONDS, bounds);
  requireRecordable(request);
  const reach = hostEgress(egress);
  const disks = request.volumes?.length ? await fleet.parts.disks(project, request.volumes) : [];
  const { name, hostTemplate, memoryMiB, cpus } = await templates.source(project, request, signal);
  using _room = await fleet.reserve(project, { count: 1, memoryMiB, cpus });
  const record: SandboxRecord = {
    id: newId(random),
    project,
    template: name,
    ...{ hostTemplate, memoryMiB, cpus, ttlSeconds, egress },
    state: 'running',
    endReason: null,
    metadata: request.metadata ?? {},
    environment: request.environment ?? {},
    ports: request.ports ?? 'private',
    autoPause: request.autoPause ?? false,
    parent: null,
    ...times(fleet, ttlSeconds),
  };
  const labels = { role: ROLE, sandbox: record.id };
  const thaw = { template: hostTemplate, labels, egress: reach, memory: 'own', cpus, disks } as const;
  const [written, thawed] = await Promise.allSettled([control.sandboxes.add(record), host.thaw(thaw, signal)]);
  if (written.status === 'fulfilled' && thawed.status === 'fulfilled') {
    return fleet.keep(record, thawed.value.id).shown();
  }
  if (thawed.status === 'fulfilled') await host.end(thawed.value.id);
  await control.sandboxes.drop(record.id);
  throw explained(thawed.status === 'rejected' ? thawed.reason : (written as PromiseRejectedResult).reason, name);
}

/** Copies a running sandbox, disk and memory, so often; all of them or none. */
export async function fork(
  fleet: Fleet,
  original: LiveSandbox,
  { count, ttlSeconds = original.record.ttlSeconds }: { count: number; ttlSeconds?: number | undefined },
  signal: AbortSignal,
): Promise<Sandbox[]> {
  const { bounds, host, control, random } = fleet.parts;
  if (!Number.isInteger(count) || count < 1 || count > MOST_FORKS) {
    throw new ThawError('invalid_input', `A sandbox cannot be forked ${count} times at once.`, {
      hint: `count is from 1 to ${MOST_FORKS}.`,
    });
  }
  requireTtl(ttlSeconds, bounds);
  const { project, memoryMiB, cpus } = original.record;
  using _room = await fleet.reserve(project, { count, memoryMiB, cpus });
  const made: LiveSandbox[] = [];
  try {
    for (let at = 0; at < count; at += 1) {
      const id = newId(random);
      const record = { ...original.record, id, parent: original.id, ttlSeconds, ...times(fleet, ttlSeconds) };
      const vm = await host.fork(original.vm, { role: ROLE, sandbox: id }, signal);
      try {
        await adoptCopies(fleet, original, vm, id);
        await control.sandboxes.add(record);
      } catch (error) {
        await host.end(vm.id);
        throw error;
      }
      made.push(fleet.keep(record, vm.id));
    }
  } catch (error) {
    await Promise.all(made.map((one) => fleet.end(one, 'host')));
    throw error;
  }
  return made.map((one) => one.shown());
}

/** The copies of volumes that a fork got are volumes of the project's own: they outlive it, as volumes do. */
async function adoptCopies({ parts }: Fleet, original: LiveSandbox, fork: Vm, id: string): Promise<void> {
  const before = parts.host.get(original.vm)?.disks ?? [];
  const copies = (fork.disks ?? []).map(({ disk }, index) => ({ from: before[index]?.disk ?? '', disk }));
  if (copies.length > 0) await parts.adopt(original.record.project, copies, id);
}

function times({ parts }: Fleet, ttlSeconds: number): Pick<Sandbox, 'createdAt' | 'endsAt' | 'endedAt'> {
  const now = parts.clock();
  const endsAt = new Date(now.getTime() + ttlSeconds * 1000).toISOString();
  return { createdAt: now.toISOString(), endsAt, endedAt: null };
}

/** `s` and 15 characters of 5 bits: nobody guesses the name of another's sandbox. */
function newId(random: (size: number) => Uint8Array): string {
  return `s${Array.from(random(ID_LENGTH), (byte) => LETTERS[byte % LETTERS.length]).join('')}`;
}

/** A project's own template that no longer fits cannot be baked again: the reader has to know. */
function explained(error: unknown, template: string): unknown {
  if (!(error instanceof ThawError) || error.code !== 'template_stale') return error;
  return new ThawError('template_stale', `The template ${template} does not fit this host any more: ${error.message}`, {
    hint: 'Make it anew: create a sandbox from a built-in template, set it up and snapshot it.',
    cause: error,
  });
}
