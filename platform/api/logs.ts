import { createRoute, z } from '@hono/zod-openapi';
import { ThawError } from '../errors.ts';
import { requireScope } from './authentication.ts';
import { errors, streams, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { ndjson } from './ndjson.ts';
import type { ApiParts } from './parts.ts';
import { AppName, DeploymentId, LevelName, LogLineShape, StreamName } from './shapes.ts';

/** Lines of the past when nothing is said: enough to see what happens, or all since a moment. */
const LINES = 100;
const MOST_LINES = 10_000;
/** Of the server's own ids, and of what clients may send as `x-request-id`. */
const ID = /^[\w.-]{1,128}$/;

const moment = z.iso.datetime({ offset: true, error: 'must be a moment such as 2026-01-02T03:04:05Z.' });

const query = z.object({
  since: moment.optional().openapi({ description: 'From this moment on.' }),
  until: moment.optional().openapi({ description: 'Before this moment.' }),
  level: LevelName.optional().openapi({ description: 'This bad or worse.' }),
  text: z.string().min(1).max(200).optional().openapi({ description: 'Lines that hold this, whatever its case.' }),
  stream: StreamName.optional(),
  deployment: DeploymentId.optional(),
  instance: z.string().regex(ID, 'is no id.').optional(),
  requestId: z.string().regex(ID, 'is no id.').optional(),
  limit: z.coerce
    .number()
    .int()
    .min(0)
    .max(MOST_LINES)
    .optional()
    .openapi({
      description: `Most lines of the past, the newest ones; default ${LINES}, with \`since\` ${MOST_LINES}.`,
    }),
  follow: z.enum(['0', '1']).default('0').openapi({ description: '1: goes on with what is written from now on.' }),
});

const read = createRoute({
  method: 'get',
  path: '/v1/apps/{app}/logs',
  summary: 'What the code of an app wrote and the requests it answered, oldest line first',
  security: WITH_KEY,
  request: { params: z.object({ app: AppName }), query },
  responses: { 200: streams('the lines', LogLineShape), ...errors('not_found') },
});

export function logRoutes({ control, log, logs, closing }: ApiParts): Api {
  return newApi().openapi(read, async (c) => {
    requireScope(c.var.principal, 'read');
    const { follow, limit, since, until, ...rest } = c.req.valid('query');
    if (follow === '1' && until !== undefined) {
      throw new ThawError('invalid_input', 'A log is followed into the future, so `until` has no place there.');
    }
    const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
    const options = {
      query: { ...rest, since: inUtc(since), until: inUtc(until) },
      limit: limit ?? (since === undefined ? LINES : MOST_LINES),
      follow: follow === '1',
    };
    return ndjson(c, {
      log,
      closing,
      produce: (signal) => logs(app, options, signal),
      failed: (error) => error.toBody(),
    });
  });
}

/** The moment as log lines write it, so that the two compare as text. */
function inUtc(moment: string | undefined): string | undefined {
  return moment && new Date(moment).toISOString();
}
