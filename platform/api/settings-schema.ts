import { createRoute, z } from '@hono/zod-openapi';
import { answers, errors } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';

export const SETTINGS_SCHEMA_PATH = '/v1/thaw.schema.json';

const get = createRoute({
  method: 'get',
  path: SETTINGS_SCHEMA_PATH,
  summary: 'JSON schema of thaw.toml, for editors',
  responses: { 200: answers('the schema', z.record(z.string(), z.unknown())), ...errors() },
});

/** Needs no key: editors have none. */
export function settingsSchemaRoutes({ settingsSchema }: ApiParts): Api {
  return newApi().openapi(get, (c) => c.json(settingsSchema() as Record<string, never>, 200));
}
