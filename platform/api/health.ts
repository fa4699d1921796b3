import { createRoute, z } from '@hono/zod-openapi';
import { ThawError } from '../errors.ts';
import { answers } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { ErrorShape } from './shapes.ts';

const health = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether the server is ready',
  responses: {
    200: answers('ready', z.object({ status: z.literal('ok'), version: z.string() })),
    503: answers('unavailable', ErrorShape),
  },
});

/** Needs no key. */
export function healthRoutes({ ready, version }: ApiParts): Api {
  return newApi().openapi(health, (c) => {
    if (!ready()) throw new ThawError('unavailable', 'The server is starting.');
    return c.json({ status: 'ok' as const, version }, 200);
  });
}
