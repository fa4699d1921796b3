import { createRoute, z } from '@hono/zod-openapi';
import { requireScope } from './authentication.ts';
import { errors, streams, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { ndjson } from './ndjson.ts';
import type { ApiParts } from './parts.ts';
import { AppName, LogLineShape } from './shapes.ts';

const read = createRoute({
  method: 'get',
  path: '/v1/apps/{app}/logs',
  summary: 'What the code of an app wrote, oldest line first',
  security: WITH_KEY,
  request: {
    params: z.object({ app: AppName }),
    query: z.object({
      follow: z.enum(['0', '1']).default('0').openapi({ description: '1: goes on with what is written from now on.' }),
      tail: z.coerce.number().int().min(0).max(10_000).default(100).openapi({ description: 'Lines of the past.' }),
    }),
  },
  responses: { 200: streams('the lines', LogLineShape), ...errors('not_found') },
});

export function logRoutes({ control, log, logs, closing }: ApiParts): Api {
  return newApi().openapi(read, async (c) => {
    requireScope(c.var.principal, 'read');
    const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
    const { follow, tail } = c.req.valid('query');
    return ndjson(c, {
      log,
      closing,
      produce: (signal) => logs(app, { follow: follow === '1', tail }, signal),
      failed: (error) => error.toBody(),
    });
  });
}
