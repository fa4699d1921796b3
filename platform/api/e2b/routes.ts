import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import { DEFAULT_PROJECT } from '../../control/projects.ts';
import { ThawError, toThawError } from '../../errors.ts';
import type { Sandbox } from '../../sandboxes/contract.ts';
import { requireScope } from '../authentication.ts';
import type { ApiEnv } from '../environment.ts';
import { logError } from '../error-answer.ts';
import type { ApiParts } from '../parts.ts';
import { egressOf } from './egress.ts';
import { Connect, Create, Fork, List, NetworkUpdate, Snapshot, shown, Timeout } from './shapes.ts';

/** Sandboxes for E2B's clients, below `/e2b`: their control API. Processes and files are the agent's, by way of the edge. */
export function e2bRoutes({ control, sandboxes, domain, edgePort, log }: ApiParts): Hono<ApiEnv> {
  const below = `${domain}:${edgePort}`;
  const api = new Hono<ApiEnv>();

  api.onError((thrown, c) => {
    const error = toThawError(thrown);
    logError(log, error, c);
    const { message, hint } = error;
    const status = error.code === 'gone' ? 404 : error.status;
    return c.json(
      { code: status, message: hint === undefined ? message : `${message} ${hint}` },
      status as ContentfulStatusCode,
    );
  });
  api.notFound((c) => c.json({ code: 404, message: `${c.req.method} ${c.req.path} is not answered here.` }, 404));
  api.use(async (c, next) => {
    const key = c.req.header('x-api-key');
    if (key === undefined) throw new ThawError('unauthenticated', 'This request carries no key as X-API-KEY.');
    const principal = await control.keys.authenticate(key);
    requireScope(principal, c.req.method === 'GET' ? 'read' : 'deploy');
    c.set('principal', principal);
    await next();
  });

  const project = (c: Context<ApiEnv>) => c.var.principal.project;
  /** A sandbox with what it takes to use it. */
  const usable = async (c: Context<ApiEnv>, sandbox: Sandbox) => {
    const { token } = await sandboxes.agentToken(sandbox.id, project(c), c.req.raw.signal);
    return { ...shown(sandbox, below), envdAccessToken: token };
  };
  const id = (c: Context<ApiEnv>) => c.req.param('id') ?? '';

  const create = async (c: Context<ApiEnv>) => {
    const asked = await body(c, Create);
    const request = {
      project: project(c) ?? DEFAULT_PROJECT,
      template: asked.templateID,
      ttlSeconds: asked.timeout,
      metadata: asked.metadata,
      environment: asked.envVars,
      autoPause: asked.autoPause,
      egress: egressOf({ ...asked.network, allow_internet_access: asked.allow_internet_access }),
      ports: asked.network?.allowPublicTraffic === false ? ('private' as const) : ('public' as const),
    };
    const sandbox = await sandboxes.create(request, c.req.raw.signal);
    try {
      return c.json(await usable(c, sandbox), 201);
    } catch (error) {
      // Its client does not know it.
      await sandboxes.kill(sandbox.id, project(c));
      throw error;
    }
  };
  api.post('/sandboxes', create);
  api.post('/v2/sandboxes', create);

  const list = async (c: Context<ApiEnv>) => {
    const { metadata, state, limit } = parse(List, { ...c.req.query(), state: c.req.queries('state') });
    const wanted = state === undefined ? ['running', 'paused'] : [state].flat().flatMap((one) => one.split(','));
    const filter = { limit, metadata: metadata === undefined ? undefined : pairs(metadata) };
    const found = await sandboxes.list(project(c), filter);
    return c.json(found.filter((one) => wanted.includes(one.state)).map((one) => shown(one, below)));
  };
  api.get('/sandboxes', list);
  api.get('/v2/sandboxes', list);

  api.get('/sandboxes/:id', async (c) => {
    const found = await sandboxes.get(id(c), project(c));
    if (found.state === 'ended')
      throw new ThawError('not_found', `The sandbox ${found.id} is over (${found.endReason}).`);
    return c.json(shown(found, below));
  });

  const connect = async (c: Context<ApiEnv>) => {
    const { timeout: ttlSeconds } = await body(c, Connect);
    const found = await sandboxes.get(id(c), project(c));
    const sandbox =
      found.state === 'paused'
        ? await sandboxes.resume(found.id, project(c), { ttlSeconds, signal: c.req.raw.signal })
        : ttlSeconds === undefined
          ? found
          : await sandboxes.setTimeout(found.id, project(c), ttlSeconds);
    return c.json(await usable(c, sandbox), found.state === 'paused' ? 201 : 200);
  };
  api.post('/sandboxes/:id/connect', connect);
  api.post('/v2/sandboxes/:id/connect', connect);
  api.post('/sandboxes/:id/resume', connect);

  api.delete('/sandboxes/:id', async (c) => {
    const found = await sandboxes.get(id(c), project(c));
    if (found.state === 'ended') throw new ThawError('not_found', `The sandbox ${found.id} is over.`);
    await sandboxes.kill(found.id, project(c));
    return c.body(null, 204);
  });

  api.post('/sandboxes/:id/timeout', async (c) => {
    await sandboxes.setTimeout(id(c), project(c), (await body(c, Timeout)).timeout);
    return c.body(null, 204);
  });

  api.post('/sandboxes/:id/pause', async (c) => {
    if ((await sandboxes.get(id(c), project(c))).state === 'paused') {
      throw new ThawError('conflict', 'It is paused already.');
    }
    await sandboxes.pause(id(c), project(c));
    return c.body(null, 204);
  });

  api.put('/sandboxes/:id/network', async (c) => {
    await sandboxes.setEgress(id(c), project(c), egressOf(await body(c, NetworkUpdate)));
    return c.body(null, 204);
  });

  api.post('/sandboxes/:id/fork', async (c) => {
    const { timeout: ttlSeconds, count } = await body(c, Fork);
    const made = await sandboxes.fork(id(c), project(c), { count, ttlSeconds }, c.req.raw.signal);
    const told = await Promise.all(made.map(async (sandbox) => ({ sandbox: await usable(c, sandbox) })));
    return c.json(told, 201);
  });

  api.post('/sandboxes/:id/snapshots', async (c) => {
    const { name = `snapshot-${id(c)}` } = await body(c, Snapshot);
    const made = await sandboxes.snapshot(id(c), project(c), name, c.req.raw.signal);
    const snapshotID = `${made.name}:${made.version}`;
    return c.json({ snapshotID, names: [snapshotID] }, 201);
  });

  return api;
}

/** The body of a request; none at all counts as an empty object. */
async function body<T extends z.ZodType>(c: Context<ApiEnv>, shape: T): Promise<z.infer<T>> {
  const text = await c.req.text();
  let json: unknown;
  try {
    json = text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new ThawError('invalid_input', 'The body is no JSON.', { cause });
  }
  return parse(shape, json);
}

function parse<T extends z.ZodType>(shape: T, value: unknown): z.infer<T> {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new ThawError('invalid_input', wrong.join(' '));
}

/** Names and values, each encoded once more than a query is. */
function pairs(query: string): Record<string, string> {
  const all = [...new URLSearchParams(query)];
  try {
    return Object.fromEntries(all.map(([name, value]) => [decodeURIComponent(name), decodeURIComponent(value)]));
  } catch (cause) {
    throw new ThawError('invalid_input', 'metadata: is not encoded as it should be.', { cause });
  }
}
