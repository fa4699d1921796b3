import { getConnInfo } from '@hono/node-server/conninfo';
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { authenticate, requireAdmin, requireScope } from './authentication.ts';
import { errors, WITH_KEY } from './describe.ts';
import { type Api, type ApiEnv, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';

const METRICS_PATH = '/metrics';

const scrape = createRoute({
  method: 'get',
  path: METRICS_PATH,
  summary: 'What is measured, for Prometheus; with an admin key',
  security: WITH_KEY,
  responses: {
    200: { description: 'the text format of Prometheus', content: { 'text/plain': { schema: z.string() } } },
    ...errors(),
  },
});

/** What only a proxy adds: its client is somebody else than the program on this machine. */
const FROM_PROXIES = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

/** Metrics tell of the apps of every project, so they are for admin keys; and for this machine, where the operator says so. */
export function metricsRoutes(control: ApiParts['control'], metrics: NonNullable<ApiParts['metrics']>): Api {
  const api = newApi();
  const withKey = authenticate(control);
  api.use(
    METRICS_PATH,
    createMiddleware<ApiEnv>(async (c, next) => {
      if (metrics.openTo === 'loopback' && isLocal(c)) return next();
      return withKey(c, async () => {
        requireAdmin(c.var.principal);
        requireScope(c.var.principal, 'read');
        await next();
      });
    }),
  );
  return api.openapi(scrape, async (c) => {
    const { type, text } = await metrics.exposition();
    return c.text(text, 200, { 'content-type': type, 'cache-control': 'no-store' });
  });
}

/**
 * Whether a program on this machine asks, for itself: no proxy, and no page in a
 * browser whose own host name was made to lead here.
 */
function isLocal(c: Context<ApiEnv>): boolean {
  if (c.req.header('authorization') !== undefined) return false;
  if (FROM_PROXIES.some((name) => c.req.header(name) !== undefined)) return false;
  return isLoopback(new URL(c.req.url).hostname) && isLoopback(getConnInfo(c).remote.address ?? '');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(host) || host === '::1' || host === '[::1]';
}
