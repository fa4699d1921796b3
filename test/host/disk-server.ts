/*
 * A process that opens a host as a server does, thaws a VM with a disk, writes and syncs a file on it, tells of it in a line
 * of JSON, and copies the disk again and again once it is told to, until it is killed.
 * `node disk-server.ts <template of scripted>`
 */
import { readConfig } from '../../platform/config.ts';
import { silentLog } from '../../platform/log.ts';
import { openVmm, readMachine } from '../../platform/machine.ts';
import { ask, openOn } from '../fixtures/host.ts';

const SIZE = 64 * 1024 * 1024;
const [template = ''] = process.argv.slice(2);
const config = readConfig();
const machine = await readMachine(config.images);
const { vmm } = await openVmm(config, machine, silentLog());
const host = await openOn(config, machine, vmm, 1);

const disk = await host.createDisk({ sizeBytes: SIZE, labels: {} });
const disks = [{ disk: disk.id, path: '/data' }];
const vm = await host.thaw({ template, labels: {}, egress: { mode: 'none' }, memory: 'own', disks });
const sum = await ask<string>(
  vm,
  `const fs = require('node:fs');
   const bytes = require('node:crypto').randomBytes(5_000_000);
   const file = fs.openSync('/data/synced', 'w');
   fs.writeSync(file, bytes);
   fs.fsyncSync(file);
   fs.fsyncSync(fs.openSync('/data', 'r'));
   kept.open = file;
   return require('node:crypto').createHash('sha256').update(bytes).digest('hex');`,
);
process.stdout.write(`${JSON.stringify({ vm, disk: disk.id, sum })}\n`);

process.stdin.once('data', async () => {
  for (;;) await host.createDisk({ sizeBytes: SIZE, labels: {}, from: { disk: disk.id } });
});
