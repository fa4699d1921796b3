import { readFile } from 'node:fs/promises';
import type { BuildSettings } from '../builders/contract.ts';
import type { Config } from './config.ts';
import { ThawError } from './errors.ts';
import { GATEWAY, GATEWAY_PORTS } from './host/network/addresses.ts';
import { readRegistries } from './registries.ts';

/** Where distributions keep the certificates that the whole machine trusts. */
const HOST_BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];
/** A build uses every core it is given: more at once only make each slower. */
const CONCURRENT_BUILDS = 1;

/**
 * What builds get of this machine: the certificates that it trusts and the
 * addresses of its package registries. Credentials only through THAW_BUILD_NPMRC,
 * THAW_BUILD_PIP_INDEX and THAW_BUILD_GOPROXY.
 */
export async function buildSettings(config: Config): Promise<BuildSettings> {
  const { npm, pip, go, hosts } = await readRegistries({
    pipIndex: config.buildPipIndex,
    goProxy: config.buildGoProxy,
  });
  return {
    maxSourceBytes: config.maxSourceBytes,
    buildTimeoutMs: config.buildTimeoutMs,
    startTimeoutMs: config.startTimeoutMs,
    maxConcurrentBuilds: CONCURRENT_BUILDS,
    caBundle: await certificates(config.buildCa),
    buildCacheBytes: config.buildCacheBytes,
    buildDiskBytes: config.buildDiskBytes,
    pipIndex: pip.href,
    go,
    npmrc: [`registry=${npm.href}`, ...(config.buildNpmrc?.split('\n') ?? [])].join('\n'),
    registryHosts: hosts,
    egressProxy: `http://${GATEWAY}:${GATEWAY_PORTS.proxy}`,
  };
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
