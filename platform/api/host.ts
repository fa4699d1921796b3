import { createRoute } from '@hono/zod-openapi';
import { requireScope } from './authentication.ts';
import { answers, errors, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { HostShape } from './shapes.ts';

const get = createRoute({
  method: 'get',
  path: '/v1/host',
  summary: 'The machine that runs the VMs, and what its examination found',
  security: WITH_KEY,
  responses: { 200: answers('the host', HostShape), ...errors('unavailable') },
});

export function hostRoutes({ host, findings }: ApiParts): Api {
  return newApi().openapi(get, async (c) => {
    requireScope(c.var.principal, 'read');
    const [facts, found] = await Promise.all([host.facts(), findings(c.req.raw.signal)]);
    return c.json({ facts, findings: found }, 200);
  });
}
