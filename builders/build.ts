import { posix } from 'node:path';
import { EGRESS_PROXY_URL } from '../platform/host/contract.ts';
import { askStreaming } from './ask.ts';
import { extraCertificates } from './certificates.ts';
import type { BuildSettings, Report } from './contract.ts';
import { BuildOutput, type BuiltFunction } from './function/build-output.ts';
import { BUILD_PORT, builder } from './function/builder.ts';
import { APP, PROGRAMS } from './guest-places.ts';
import type { PipelineParts } from './parts.ts';
import { limited, packFiles } from './tar.ts';

/** Relative to where programs run. */
const TREE = 'src';
const SOURCE = `${APP}/${TREE}`;
/** An artifact is the source and its bundle; packages that are kept whole come on top. */
const ARTIFACT_TIMES = 4;

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
  { host, control, settings, prepared }: PipelineParts,
  { app, deployment, source }: BuildRequest,
  report: Report,
  signal: AbortSignal,
): Promise<BuiltFunction> {
  const labels = { app, deployment, role: 'builder' };
  const egress = { mode: 'hosts' as const, hosts: settings.registryHosts };
  await using vm = await prepared.thaw(await builder(), { labels, egress }, signal);
  await host.putTree(vm.id, PROGRAMS, packFiles(files(settings)), signal);
  await host.putTree(vm.id, SOURCE, limited(source, settings.maxSourceBytes, 'The source'), signal);

  const output = new BuildOutput(report);
  const order = { tree: TREE, runtimeRoot: APP, env: environment(settings) };
  try {
    for await (const data of await askStreaming({ host: vm.address, port: BUILD_PORT, body: order, signal }))
      output.push(data);
  } catch {
    signal.throwIfAborted(); // Otherwise the program ended before it was done, and the outcome says so.
  }
  const built = output.outcome();
  const limit = settings.maxSourceBytes * ARTIFACT_TIMES;
  await control.artifacts.put(deployment, limited(host.getTree(vm.id, SOURCE, signal), limit, 'The built function'));
  return built;
}

function files({ npmrc, caBundle }: BuildSettings) {
  const text = (value: string) => new TextEncoder().encode(value);
  return [
    { path: 'npmrc', content: text(npmrc) },
    { path: 'ca.pem', content: text(caBundle) },
    { path: 'extra-ca.pem', content: text(extraCertificates(caBundle)) },
  ];
}

/** All that tools in the builder get; nothing of it comes from the server's own environment. */
function environment({ caBundle, egressProxy }: BuildSettings): Record<string, string> {
  const certificates = posix.join(PROGRAMS, 'ca.pem');
  const extra = posix.join(PROGRAMS, 'extra-ca.pem');
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
          NODE_EXTRA_CA_CERTS: extra,
          SSL_CERT_FILE: certificates,
          GIT_SSL_CAINFO: certificates,
        }),
  };
}
