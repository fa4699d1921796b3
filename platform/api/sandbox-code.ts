import { createRoute, z } from '@hono/zod-openapi';
import { requireScope } from './authentication.ts';
import { begun } from './begun.ts';
import { errors, streams, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { ndjson } from './ndjson.ts';
import type { ApiParts } from './parts.ts';
import { SandboxId } from './sandbox-shapes.ts';
import { CodeEventShape, CodeShape } from './sandbox-work-shapes.ts';
import { whileWanted } from './wanted.ts';

const DEFAULT_TIMEOUT_S = 60;

const run = createRoute({
  method: 'post',
  path: '/v1/sandboxes/{id}/code',
  summary: 'Run code in a sandbox made from the template code-interpreter; variables stay from call to call',
  description: 'What comes of it, as it comes: output, results with text, tables and images, an error.',
  security: WITH_KEY,
  request: { params: z.object({ id: SandboxId }), body: takes(CodeShape) },
  responses: {
    200: streams('the events', CodeEventShape),
    ...errors('not_found', 'gone', 'unprocessable', 'quota_exceeded', 'no_room', 'too_large'),
  },
});

export function sandboxCodeRoutes({ sandboxes: { code: kernels }, log, closing }: ApiParts): Api {
  return newApi().openapi(run, async (c) => {
    requireScope(c.var.principal, 'deploy');
    const { id } = c.req.valid('param');
    const { project } = c.var.principal;
    const { timeoutSeconds = DEFAULT_TIMEOUT_S, ...rest } = c.req.valid('json');
    const request = { ...rest, timeoutMs: timeoutSeconds * 1000 };
    const produce = await begun(whileWanted(c, closing), (until) => kernels.run(id, project, request, until));
    return ndjson(c, { log, closing, produce, failed: (error) => ({ type: 'failed', ...error.toBody() }) });
  });
}
