import { ThawError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Egress } from '../contract.ts';
import { run } from '../run.ts';
import type { EgressTable } from '../vms/running.ts';
import { openProxy } from './proxy.ts';
import { openResolver } from './resolver.ts';
import { hostRules } from './ruleset.ts';

/** The services that guests reach at their gateway, and what each slot may ask of them. */
export interface Gateway extends EgressTable, AsyncDisposable {}

/**
 * Loads the host's rules and opens the gateway's services on `address`, which
 * is put on the loopback interface.
 */
export async function openGateway(address: string, log: Log): Promise<Gateway> {
  await using stack = new AsyncDisposableStack();
  await run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await run(['nft', '-f', '-'], hostRules());
  await run(['ip', 'address', 'replace', `${address}/32`, 'dev', 'lo']);
  stack.defer(async () => void (await run(['ip', 'address', 'delete', `${address}/32`, 'dev', 'lo']).catch(() => {})));
  const table = new Map<string, Egress>();
  const egressOf = (slot: string) => table.get(slot);
  try {
    stack.use(await openProxy(address, egressOf, log));
    stack.use(await openResolver(address, egressOf));
  } catch (cause) {
    throw new ThawError('misconfigured', `The gateway of this server cannot listen on ${address}, ports 53 and 3128.`, {
      hint: 'A program that listens on every address has one of these ports, or another server has this address: use another THAW_DATA.',
      cause,
    });
  }
  const services = stack.move();
  log.debug({ address }, 'gateway open');
  return {
    allow: (slot, egress) => void table.set(slot, egress),
    forget: (slot) => void table.delete(slot),
    [Symbol.asyncDispose]: () => services.disposeAsync(),
  };
}
