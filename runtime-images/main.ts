import { parseArgs } from 'node:util';
import { readConfig } from '../platform/config.ts';
import { buildImages } from './build.ts';
import { OPTIONAL_IMAGES } from './images.ts';

/**
 * `node runtime-images/main.ts [--necessary]`: builds what is missing, with `--necessary` without the optional images; tells
 * each step on standard error and the catalogue on standard output.
 */
const { values } = parseArgs({ options: { necessary: { type: 'boolean', default: false } } });
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

const catalogue = await buildImages({
  imagesDir: readConfig().images,
  without: values.necessary ? OPTIONAL_IMAGES : [],
  signal: stop.signal,
  progress: (text) => process.stderr.write(`images: ${text}\n`),
});
process.stdout.write(`${JSON.stringify(catalogue, null, 2)}\n`);
