import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { BuildSettings } from '../builders/contract.ts';
import type { Config } from './config.ts';
import { ThawError } from './errors.ts';
import { GATEWAY, GATEWAY_PORTS } from './host/network/addresses.ts';

/** Where distributions keep the certificates that the whole machine trusts. */
const HOST_BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];
/** A build uses every core it is given: more at once only make each slower. */
const CONCURRENT_BUILDS = 1;

/**
 * What builds get of this machine: the certificates that it trusts and the
 * address of its npm registry. Credentials only through THAW_BUILD_NPMRC.
 */
export async function buildSettings(config: Config): Promise<BuildSettings> {
  const registry = await npmRegistry();
  return {
    maxSourceBytes: config.maxSourceBytes,
    buildTimeoutMs: config.buildTimeoutMs,
    startTimeoutMs: config.startTimeoutMs,
    maxConcurrentBuilds: CONCURRENT_BUILDS,
    caBundle: await certificates(config.buildCa),
    buildCacheBytes: config.buildCacheBytes,
    npmrc: [`registry=${registry.href}`, ...(config.buildNpmrc?.split('\n') ?? [])].join('\n'),
    registryHosts: [registry.hostname],
    egressProxy: `http://${GATEWAY}:${GATEWAY_PORTS.proxy}`,
  };
}

async function npmRegistry(): Promise<URL> {
  const { stdout } = await promisify(execFile)('npm', ['config', 'get', 'registry'], { cwd: '/' }).catch(
    (cause: unknown) => {
      throw new ThawError('misconfigured', 'npm could not be asked for its registry.', {
        hint: 'Install npm, or put it on the PATH of the server.',
        cause,
      });
    },
  );
  const registry = URL.parse(stdout.trim());
  if (!registry) throw new ThawError('misconfigured', `npm names a registry that is no URL: ${stdout.trim()}`);
  registry.username = '';
  registry.password = '';
  return registry;
}

async function certificates(chosen: string | undefined): Promise<string> {
  if (chosen !== undefined) {
    return readFile(chosen, 'utf8').catch((cause: unknown) => {
      throw new ThawError('misconfigured', `THAW_BUILD_CA names a file that cannot be read: ${chosen}.`, { cause });
    });
  }
  for (const path of HOST_BUNDLES) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text !== '') return text;
  }
  return '';
}
