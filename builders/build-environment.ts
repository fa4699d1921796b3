import { posix } from 'node:path';
import { EGRESS_PROXY_URL } from '../platform/host/contract.ts';
import type { BuildSettings } from './contract.ts';
import { PROGRAMS } from './guest-places.ts';

/**
 * With these alone Go finds its standard library compiled in the builder image (`runtime-images/go/library.ts`); with others
 * a build compiles it again. `.git` is not there, and what a cached install left has to be removable.
 */
const GO = {
  GODEBUG: 'installgoroot=all',
  GOFLAGS: '-trimpath -buildvcs=false -modcacherw',
  CGO_ENABLED: '0',
  GOTOOLCHAIN: 'local',
};

/** All that tools in the builder get; nothing of it comes from the server's own environment. */
export function buildEnvironment(settings: BuildSettings): Record<string, string> {
  const { caBundle, egressProxy, pipIndex, go } = settings;
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
    PIP_INDEX_URL: pipIndex,
    PIP_PROXY: egressProxy,
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
    UV_DEFAULT_INDEX: pipIndex,
    UV_PYTHON_DOWNLOADS: 'never',
    ...go,
    ...GO,
    ...(caBundle === ''
      ? {}
      : {
          NODE_EXTRA_CA_CERTS: extra,
          SSL_CERT_FILE: certificates,
          GIT_SSL_CAINFO: certificates,
          PIP_CERT: certificates,
          REQUESTS_CA_BUNDLE: certificates,
        }),
  };
}
