import { readConfig } from '../platform/config.ts';
import { buildImages } from './build.ts';

/** `node runtime-images/main.ts`: builds what is missing, tells each step on standard error and the catalogue on standard output. */
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

const catalogue = await buildImages({
  imagesDir: readConfig().images,
  signal: stop.signal,
  progress: (text) => process.stderr.write(`images: ${text}\n`),
});
process.stdout.write(`${JSON.stringify(catalogue, null, 2)}\n`);
