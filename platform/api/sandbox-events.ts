import { createRoute, z } from '@hono/zod-openapi';
import { requireScope } from './authentication.ts';
import { errors, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { EventShape, SandboxId } from './sandbox-shapes.ts';
import { serverSentEvents } from './sse.ts';

/** Open, as all streams: only whole JSON answers can be checked. */
const events: { description: string } = {
  description: 'server-sent events, named by their type',
  ...{ content: { 'text/event-stream': { schema: EventShape } } },
};

const all = createRoute({
  method: 'get',
  path: '/v1/events',
  summary: 'What becomes of the project’s sandboxes from now on; of all projects for an admin',
  security: WITH_KEY,
  responses: { 200: events, ...errors() },
});

const ofOne = createRoute({
  method: 'get',
  path: '/v1/sandboxes/{id}/events',
  summary: 'What becomes of a sandbox from now on, until it is over',
  security: WITH_KEY,
  request: { params: z.object({ id: SandboxId }) },
  responses: { 200: events, ...errors('not_found') },
});

export function sandboxEventRoutes({ sandboxes, log, closing }: ApiParts): Api {
  return newApi()
    .openapi(all, (c) => {
      requireScope(c.var.principal, 'read');
      const { project } = c.var.principal;
      return serverSentEvents(c, { log, closing, produce: (signal) => sandboxes.events(project, signal) });
    })
    .openapi(ofOne, async (c) => {
      requireScope(c.var.principal, 'read');
      const { project } = c.var.principal;
      const { id } = await sandboxes.get(c.req.valid('param').id, project);
      return serverSentEvents(c, { log, closing, produce: (signal) => sandboxes.eventsOf(id, project, signal) });
    });
}
