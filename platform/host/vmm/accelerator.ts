import { createHash } from 'node:crypto';
import { access, constants, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ThawError } from '../../errors.ts';
import type { Log } from '../../log.ts';

export type Accelerator = 'kvm' | 'tcg';

export interface Verdict {
  accelerator: Accelerator;
  /** One sentence for people. */
  reason: string;
}

/** Longest a guest may take to boot to its agent under hardware virtualization, where it takes a second. */
export const PROBE_LIMIT_MS = 10_000;

const verdictSchema = z.object({ accelerator: z.enum(['kvm', 'tcg']), reason: z.string() });

export interface ProbeParts {
  wanted: 'auto' | Accelerator;
  /** Directory that verdicts are remembered in. */
  cache: string;
  /** Version of the VMM; with the kernel and this boot it decides whether a verdict still holds. */
  vmm: string;
  /** Boots a guest to its agent under KVM within `PROBE_LIMIT_MS`, and throws why it could not. */
  tryKvm(): Promise<void>;
  log: Log;
}

/**
 * Decides between hardware virtualization and emulation. A KVM device proves
 * nothing: on some machines it opens and then hangs or aborts. So a guest is
 * booted under it, once for each kernel, VMM and boot of the machine.
 *
 * @throws ThawError `misconfigured` when KVM is demanded and does not work
 */
export async function chooseAccelerator(parts: ProbeParts): Promise<Verdict> {
  if (parts.wanted === 'tcg') return { accelerator: 'tcg', reason: 'THAW_ACCEL asks for emulation.' };
  const verdict = await remembered(parts);
  if (parts.wanted === 'kvm' && verdict.accelerator !== 'kvm') {
    throw new ThawError('misconfigured', `THAW_ACCEL asks for KVM, which does not work: ${verdict.reason}`, {
      hint: 'Unset THAW_ACCEL to use emulation, or mend KVM.',
    });
  }
  if (verdict.accelerator === 'tcg')
    parts.log.warn({ reason: verdict.reason }, 'VMs are emulated: slower, but they work');
  return verdict;
}

async function remembered(parts: ProbeParts): Promise<Verdict> {
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'unknown');
  const key = createHash('sha256').update(`${release()} ${parts.vmm} ${bootId.trim()}`).digest('hex').slice(0, 16);
  const file = join(parts.cache, `accelerator-${key}.json`);
  const known = await readVerdict(file);
  if (known) return known;
  const verdict = await probe(parts);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.${process.pid}`, JSON.stringify(verdict), { flush: true });
  await rename(`${file}.${process.pid}`, file);
  return verdict;
}

/** The verdict in `file`, or undefined when there is none that can be read. */
async function readVerdict(file: string): Promise<Verdict | undefined> {
  try {
    return verdictSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

async function probe({ tryKvm }: ProbeParts): Promise<Verdict> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return { accelerator: 'tcg', reason: 'There is no usable /dev/kvm on this machine.' };
  }
  try {
    await tryKvm();
    return { accelerator: 'kvm', reason: 'A guest booted to its agent under KVM.' };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { accelerator: 'tcg', reason: `/dev/kvm opens, but a guest does not run under it: ${why}` };
  }
}
