import { posix } from 'node:path';
import type { Shape } from '../platform/host/contract.ts';
import { EGRESS_PROXY_URL } from '../platform/host/contract.ts';
import type { BuildParts, BuildSettings, Report } from './contract.ts';
import { BuildOutput, type BuiltFunction } from './function/build-output.ts';
import { guestProgram } from './guest-program.ts';
import { APP, PROGRAMS, thawScoped } from './guest-vm.ts';
import { limited, packFiles } from './tar.ts';

/** npm needs room for the metadata of large trees, esbuild for large bundles. */
const SHAPE: Shape = { memoryMiB: 1024, vcpus: 2 };
const SOURCE = `${APP}/src`;
/** As it lies in the builder image. */
const ESBUILD = '/usr/local/lib/node_modules/esbuild/lib/main.js';
/** An artifact is the source and its bundle; packages that are kept whole come on top. */
const ARTIFACT_TIMES = 4;
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024;

export interface BuildRequest {
  app: string;
  deployment: string;
  /** Read once. */
  source: AsyncIterable<Uint8Array>;
}

/**
 * Builds a tree in a builder VM of its own, and keeps what came out as the deployment's artifact. The VM is gone afterwards.
 *
 * @throws ThawError `build_failed`, `too_large`, or what the host throws
 */
export async function build(
  { host, control, settings }: BuildParts,
  { app, deployment, source }: BuildRequest,
  report: Report,
  signal: AbortSignal,
): Promise<BuiltFunction> {
  const template = await host.runtimeTemplate('builder', SHAPE, signal);
  await using vm = await thawScoped(
    host,
    {
      template: template.id,
      labels: { app, deployment, role: 'builder' },
      egress: { mode: 'hosts', hosts: settings.registryHosts },
      memory: 'clone',
    },
    signal,
  );
  await host.putTree(vm.id, PROGRAMS, packFiles(await programs(settings)), signal);
  await host.putTree(vm.id, SOURCE, limited(source, settings.maxSourceBytes, 'The source'), signal);

  const output = new BuildOutput(report);
  let ending = 'the VM ended';
  const running = host.exec(
    vm.id,
    {
      argv: ['node', `${PROGRAMS}/build.mjs`, SOURCE, APP, ESBUILD],
      env: environment(settings),
      cwd: SOURCE,
      timeoutMs: settings.buildTimeoutMs,
      maxOutputBytes: MOST_OUTPUT_BYTES,
    },
    signal,
  );
  for await (const event of running) {
    if (event.kind === 'exit') ending = event.signal ?? `exit code ${event.code}`;
    else output.push(event.kind, event.data);
  }
  const built = output.outcome(ending);
  const artifact = limited(
    host.getTree(vm.id, SOURCE, signal),
    settings.maxSourceBytes * ARTIFACT_TIMES,
    'The built function',
  );
  await control.artifacts.put(deployment, artifact);
  return built;
}

async function programs(settings: BuildSettings) {
  const text = (value: string) => new TextEncoder().encode(value);
  return [
    { path: 'build.mjs', content: await guestProgram('build') },
    { path: 'npmrc', content: text(settings.npmrc) },
    { path: 'ca.pem', content: text(settings.caBundle) },
  ];
}

/** All that tools in the builder get; nothing of it comes from the server's own environment. */
function environment({ caBundle, egressProxy }: BuildSettings): Record<string, string> {
  const certificates = posix.join(PROGRAMS, 'ca.pem');
  return {
    CI: 'true',
    NO_COLOR: '1',
    npm_config_userconfig: posix.join(PROGRAMS, 'npmrc'),
    [EGRESS_PROXY_URL]: egressProxy,
    HTTP_PROXY: egressProxy,
    HTTPS_PROXY: egressProxy,
    http_proxy: egressProxy,
    https_proxy: egressProxy,
    npm_config_proxy: egressProxy,
    npm_config_https_proxy: egressProxy,
    ...(caBundle === ''
      ? {}
      : {
          NODE_EXTRA_CA_CERTS: certificates,
          SSL_CERT_FILE: certificates,
          GIT_SSL_CAINFO: certificates,
          npm_config_cafile: certificates,
        }),
  };
}
