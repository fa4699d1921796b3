import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Finding } from '../sdk/index.ts';
import { indent, say } from './say.ts';

/** `node platform/setup/verdict.ts`: the examination of the machine in a line or two; fails when something is lacking. */
const doctor = fileURLToPath(new URL('../doctor.ts', import.meta.url));
const { stdout } = await promisify(execFile)(process.execPath, [doctor, '--json']);
const { findings } = JSON.parse(stdout) as { findings: Finding[] };

const lacking = findings.filter(({ status }) => status === 'lacking');
for (const { name, detail, remedy } of lacking) {
  say(`machine: ${name} is lacking: ${detail}`);
  if (remedy !== undefined) say(indent(`-> ${remedy}`));
}
const virtualization = findings.find(({ name }) => name === 'virtualization');
if (lacking.length === 0) say(`machine: ready, with ${virtualization?.detail ?? 'an unknown accelerator'}`);
process.exitCode = lacking.length === 0 ? 0 : 1;
