import { readConfig } from './config.ts';
import { examine } from './examine.ts';
import { createLog } from './log.ts';

/** `node platform/doctor.ts --json`: prints `{"findings": [...]}` of this machine; needs no server. */
const findings = await examine(readConfig(), createLog('silent'), 'with ports');
process.stdout.write(`${JSON.stringify({ findings })}\n`);
