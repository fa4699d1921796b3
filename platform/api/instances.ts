import { createRoute, z } from '@hono/zod-openapi';
import { requireScope } from './authentication.ts';
import { answers, errors, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { AppName, InstanceShape } from './shapes.ts';

const list = createRoute({
  method: 'get',
  path: '/v1/instances',
  summary: 'What runs now, of one app or of all that the key may see',
  security: WITH_KEY,
  request: { query: z.object({ app: AppName.optional() }) },
  responses: {
    200: answers('the instances', z.object({ instances: z.array(InstanceShape) })),
    ...errors('not_found'),
  },
});

export function instanceRoutes({ control, instances }: ApiParts): Api {
  return newApi().openapi(list, async (c) => {
    const { principal } = c.var;
    requireScope(principal, 'read');
    const { app } = c.req.valid('query');
    const apps =
      app === undefined ? await control.apps.list(principal.project) : [await control.apps.get(app, principal.project)];
    const seen = new Set(apps.map(({ name }) => name));
    const running = instances()
      .filter((instance) => seen.has(instance.app))
      // An address inside this machine is of no use to a tenant.
      .map(({ address, ...rest }) =>
        principal.project === null && address !== undefined ? { ...rest, address } : rest,
      );
    return c.json({ instances: running }, 200);
  });
}
