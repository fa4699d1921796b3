import { createRoute, z } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import type { Audit } from '../control/contract.ts';
import { requireScope } from './authentication.ts';
import { answers, errors, WITH_KEY } from './describe.ts';
import { type Api, type ApiEnv, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { AuditShape } from './sandbox-shapes.ts';

const LOOKING = new Set(['GET', 'HEAD', 'OPTIONS']);
const LONGEST_PATH = 300;
/** Part of using a command that was started, which was noted: somebody who types would fill the log. */
const TYPING = /\/commands\/\d+\/(stdin|resize)$/;

const list = createRoute({
  method: 'get',
  path: '/v1/audit',
  summary: 'Who did what with which key, newest first; of all projects for an admin',
  security: WITH_KEY,
  request: { query: z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100) }) },
  responses: { 200: answers('the entries', z.object({ entries: z.array(AuditShape) })), ...errors() },
});

export function auditRoutes({ control }: ApiParts): Api {
  return newApi().openapi(list, async (c) => {
    requireScope(c.var.principal, 'manage');
    const { limit } = c.req.valid('query');
    return c.json({ entries: await control.audit.list(c.var.principal.project, limit) }, 200);
  });
}

/** Notes each request with a valid key that changes something, or was to. Bodies and queries, which may hold secrets, are left out. */
export function audited(audit: Audit, now: () => Date) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    await next();
    const { principal, requestId } = c.var;
    if (LOOKING.has(c.req.method) || principal === undefined || TYPING.test(c.req.path)) return;
    const { keyId: key, project } = principal;
    const path = c.req.path.slice(0, LONGEST_PATH);
    audit.record({
      at: now().toISOString(),
      key,
      project,
      method: c.req.method,
      path,
      status: c.res.status,
      requestId,
    });
  });
}
