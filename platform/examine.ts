import type { Config } from './config.ts';
import { toThawError } from './errors.ts';
import type { Finding } from './host/contract.ts';
import { examineHost } from './host/examine.ts';
import type { Log } from './log.ts';
import { accelerator, readMachine } from './machine.ts';

/** What this machine has and lacks. `ports` are looked at when no server of ours holds them. */
export async function examine(config: Config, log: Log, ports: 'with ports' | 'without ports'): Promise<Finding[]> {
  const images: Finding = await readMachine(config.images).then(
    ({ imageSet }) => ({
      name: 'images',
      status: 'ok',
      detail: `${Object.keys(imageSet.images).join(', ')}; kernel ${imageSet.kernel.release}; in ${config.images}`,
    }),
    (error: unknown) => ({
      name: 'images',
      status: 'lacking',
      detail: toThawError(error).message,
      remedy: 'Run `npm run setup`.',
    }),
  );
  const verdict = await accelerator(config, log).catch((error: unknown) => toThawError(error));
  const listeners = [
    { name: 'API', ...config.api },
    { name: 'HTTP edge', ...config.edge },
  ];
  const findings = await examineHost({
    data: config.data,
    images: config.images,
    verdict,
    ports: ports === 'with ports' ? listeners : [],
  });
  return [...findings, images];
}
