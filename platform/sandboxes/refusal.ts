import type { HostEvent } from '../host/contract.ts';
import type { LiveSandbox } from './live.ts';
import type { SandboxesParts } from './parts.ts';

/** Writes down that a sandbox wanted to reach what it may not. */
export async function noteRefusal(
  { clock, journal, log }: Pick<SandboxesParts, 'clock' | 'journal' | 'log'>,
  { id, record }: LiveSandbox,
  refused: Extract<HostEvent, { kind: 'refused' }>,
): Promise<void> {
  const { protocol, destination, port, reason, count } = refused;
  const where = port === undefined ? destination : `${destination}:${port}`;
  const line = `refused ${protocol} to ${where}: ${reason}${count > 1 ? ` (${count} times)` : ''}`;
  const told = { time: clock().toISOString(), instance: id, deployment: record.template, line };
  await journal
    .append(id, [{ ...told, stream: 'stderr', level: 'warn' }])
    .catch((err: unknown) => log.warn({ sandbox: id, err }, 'a line of a sandbox was lost'));
}
