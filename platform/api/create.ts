import { bodyLimit } from 'hono/body-limit';
import { except } from 'hono/combine';
import { createMiddleware } from 'hono/factory';
import { requestId } from 'hono/request-id';
import { ThawError } from '../errors.ts';
import type { Log } from '../log.ts';
import { appEnvironmentRoutes } from './app-environment.ts';
import { appRoutes } from './apps.ts';
import { audited, auditRoutes } from './audit.ts';
import { authenticate } from './authentication.ts';
import { buildCacheRoutes } from './build-cache.ts';
import { cronRoutes } from './crons.ts';
import { databaseAttachmentRoutes } from './database-attachments.ts';
import { databaseBackupRoutes } from './database-backups.ts';
import { databaseStateRoutes } from './database-states.ts';
import { databaseRoutes } from './databases.ts';
import { deploymentRoutes } from './deployments.ts';
import { domainRoutes } from './domains.ts';
import { e2bRoutes } from './e2b/routes.ts';
import { type Api, type ApiEnv, newApi } from './environment.ts';
import { answerError, answerNotFound } from './error-answer.ts';
import { healthRoutes } from './health.ts';
import { hostRoutes } from './host.ts';
import { instanceRoutes } from './instances.ts';
import { keyRoutes } from './keys.ts';
import { logRoutes } from './logs.ts';
import { metricsRoutes } from './metrics.ts';
import type { ApiParts } from './parts.ts';
import { projectRoutes } from './projects.ts';
import { releaseRoutes } from './releases.ts';
import { sandboxCodeRoutes } from './sandbox-code.ts';
import { sandboxCommandRoutes } from './sandbox-commands.ts';
import { sandboxEventRoutes } from './sandbox-events.ts';
import { sandboxExecRoutes } from './sandbox-exec.ts';
import { sandboxFileTreeRoutes } from './sandbox-file-tree.ts';
import { sandboxFileRoutes } from './sandbox-files.ts';
import { sandboxStateRoutes } from './sandbox-states.ts';
import { sandboxRoutes } from './sandboxes.ts';
import { SETTINGS_SCHEMA_PATH, settingsSchemaRoutes } from './settings-schema.ts';
import { volumeCopyRoutes } from './volume-copies.ts';
import { volumeRoutes } from './volumes.ts';

/** Where E2B's clients find their control API. */
const E2B_PATH = '/e2b';
const OPENAPI_PATH = '/v1/openapi.json';
const ENVIRONMENT_PATH = '/v1/apps/:app/environment';
const CODE_PATH = '/v1/sandboxes/:id/code';
/** No JSON that the API takes is anywhere near this, but for environments and code. */
const MAX_JSON_BYTES = 64 * 1024;
/** An environment at its limit, 256 KiB, when JSON needs six characters (`\u0001`) for each byte of it. */
const MAX_ENVIRONMENT_BYTES = 2 * 1024 * 1024;
/** Below what the code interpreter takes. */
const MAX_CODE_BYTES = 4 * 1024 * 1024;

const RESOURCES = [
  healthRoutes,
  projectRoutes,
  keyRoutes,
  appRoutes,
  deploymentRoutes,
  releaseRoutes,
  appEnvironmentRoutes,
  domainRoutes,
  cronRoutes,
  instanceRoutes,
  logRoutes,
  buildCacheRoutes,
  sandboxRoutes,
  sandboxStateRoutes,
  sandboxExecRoutes,
  sandboxCommandRoutes,
  sandboxCodeRoutes,
  sandboxFileTreeRoutes,
  sandboxFileRoutes,
  sandboxEventRoutes,
  volumeRoutes,
  volumeCopyRoutes,
  auditRoutes,
  settingsSchemaRoutes,
  hostRoutes,
];

/** The HTTP API, without a listener: `/healthz`, `/v1/...` and, when handed in, `/metrics` and `/git`. */
export function createApi(parts: ApiParts): Api {
  const api = newApi();
  api.onError((error, c) => answerError(parts.log, error, c));
  api.notFound(answerNotFound);
  api.use(requestId());
  api.use(logRequests(parts.log));
  api.use(
    '/v1/*',
    audited(parts.control.audit, () => new Date()),
  );
  api.use('/v1/*', except([OPENAPI_PATH, SETTINGS_SCHEMA_PATH], authenticate(parts.control)));
  api.use(ENVIRONMENT_PATH, limitBody(MAX_ENVIRONMENT_BYTES));
  api.use(CODE_PATH, limitBody(MAX_CODE_BYTES));
  api.use('/v1/*', except([ENVIRONMENT_PATH, CODE_PATH, isUpload], limitBody(MAX_JSON_BYTES)));

  api.use(
    `${E2B_PATH}/*`,
    audited(parts.control.audit, () => new Date()),
  );
  api.use(`${E2B_PATH}/*`, limitBody(MAX_JSON_BYTES));

  for (const routes of RESOURCES) api.route('/', routes(parts));
  if (parts.databases !== undefined) {
    api.route('/', databaseRoutes(parts.databases));
    api.route('/', databaseBackupRoutes(parts.databases));
    api.route('/', databaseAttachmentRoutes(parts, parts.databases));
    api.route('/', databaseStateRoutes(parts.databases, parts.log));
  }
  api.route(E2B_PATH, e2bRoutes(parts));
  if (parts.metrics !== undefined) api.route('/', metricsRoutes(parts.control, parts.metrics));
  if (parts.git !== undefined) api.route('/git', parts.git);

  api.openAPIRegistry.registerComponent('securitySchemes', 'key', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'thw_...',
  });
  const title = 'Thaw';
  api.doc31(OPENAPI_PATH, { openapi: '3.1.0', info: { title, version: parts.version } });
  return api;
}

function logRequests(log: Log) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const begin = performance.now();
    await next();
    const ms = Math.round(performance.now() - begin);
    log.debug(
      { request: c.var.requestId, method: c.req.method, path: c.req.path, status: c.res.status, ms },
      'request',
    );
  });
}

/** The routes whose body is no JSON; they have limits of their own, or that of a sandbox's disk. */
function isUpload({ req: { method, path } }: { req: { method: string; path: string } }): boolean {
  if (method === 'PUT') return /^\/v1\/(sandboxes\/[^/]+\/(files|tree)|volumes\/[^/]+\/image)$/.test(path);
  return method === 'POST' && /^\/v1\/(apps\/[^/]+\/deployments|sandboxes\/[^/]+\/commands\/\d+\/stdin)$/.test(path);
}

function limitBody(maxSize: number) {
  const onError = () => {
    throw new ThawError('too_large', `The body is larger than ${maxSize / 1024} KiB.`);
  };
  const limit = bodyLimit({ maxSize, onError });
  return createMiddleware((c, next) => {
    const { raw } = c.req;
    // Such a request has no body (RFC 9112, section 6.3); Node shows an empty one all the same.
    if (!raw.headers.has('content-length') && !raw.headers.has('transfer-encoding')) return next();
    // The limit makes a new request of this one, which it can only of the platform's own kind.
    if (raw.headers.has('transfer-encoding')) {
      const { url, method, headers, body } = raw;
      c.req.raw = new Request(url, { method, headers, body, duplex: 'half' } as RequestInit);
    }
    return limit(c, next);
  });
}
