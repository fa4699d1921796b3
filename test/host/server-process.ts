/*
 * A process that opens a host as a server does, thaws VMs, tells their ids, and then does one more thing until it is
 * killed. `node server-process.ts <template of scripted> <thaw|freeze|nothing>`; what it tells is a line of JSON.
 */
import { readConfig } from '../../platform/config.ts';
import type { Egress } from '../../platform/host/contract.ts';
import { silentLog } from '../../platform/log.ts';
import { openVmm, readMachine } from '../../platform/machine.ts';
import { openOn } from '../fixtures/host.ts';

const [template = '', then] = process.argv.slice(2);
const config = readConfig();
const machine = await readMachine(config.images);
const { vmm } = await openVmm(config, machine, silentLog());
const host = await openOn(config, machine, vmm, 1);

const EGRESS: Record<'clone' | 'own', Egress> = {
  clone: { mode: 'hosts', hosts: ['example.org'] },
  own: { mode: 'rules', allow: ['example.org'] },
};
const thaw = (memory: 'clone' | 'own') => host.thaw({ template, labels: { memory }, egress: EGRESS[memory], memory });
const clone = await thaw('clone');
const own = await thaw('own');
const paused = await thaw('clone');
await host.pause(paused.id);
process.stdout.write(`${JSON.stringify({ clone, own, paused })}\n`);

process.stdin.once('data', () => {
  if (then === 'thaw') void thaw('clone');
  if (then === 'freeze') void host.freeze(own.id, { labels: {} });
});
