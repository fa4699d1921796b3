import { createRoute, z } from '@hono/zod-openapi';
import type { ExecEvent } from '../host/contract.ts';
import { requireScope } from './authentication.ts';
import { errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { ndjson } from './ndjson.ts';
import type { ApiParts } from './parts.ts';
import { CommandEventShape, CommandShape, ResultShape, SandboxId } from './sandbox-shapes.ts';
import { whileWanted } from './wanted.ts';

const DEFAULT_TIMEOUT_S = 60;

const exec = createRoute({
  method: 'post',
  path: '/v1/sandboxes/{id}/exec',
  summary: 'Run a command in a sandbox; a paused one goes on for it',
  description: 'Its output as it comes, one event a line; or, with `wait`, all of it when it is over.',
  security: WITH_KEY,
  request: {
    params: z.object({ id: SandboxId }),
    query: z.object({ wait: z.enum(['true', 'false']).default('false') }),
    body: takes(CommandShape),
  },
  responses: {
    200: either(),
    ...errors('not_found', 'gone', 'unprocessable', 'quota_exceeded', 'no_room', 'too_large'),
  },
});

export function sandboxExecRoutes({ sandboxes, log, closing }: ApiParts): Api {
  return newApi().openapi(exec, async (c) => {
    requireScope(c.var.principal, 'deploy');
    const { id } = c.req.valid('param');
    const { project } = c.var.principal;
    const { command, timeoutSeconds = DEFAULT_TIMEOUT_S, encoding, ...rest } = c.req.valid('json');
    const argv = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
    const request = { ...rest, argv, timeoutMs: timeoutSeconds * 1000 };
    if (c.req.valid('query').wait === 'true') {
      const events = sandboxes.commands.run(id, project, request, whileWanted(c, closing));
      return c.json(await result(events, encoding), 200);
    }
    // Before the stream begins, so that an unknown sandbox has a status of its own.
    await sandboxes.get(id, project);
    return ndjson(c, {
      log,
      closing,
      produce: (signal) => told(sandboxes.commands.run(id, project, request, signal), encoding),
      failed: (error) => ({ type: 'failed', ...error.toBody() }),
    });
  });
}

type Encoding = 'utf8' | 'base64';
type Exit = Extract<ExecEvent, { kind: 'exit' }>;

async function* told(events: AsyncIterable<ExecEvent>, encoding: Encoding) {
  // One for each stream: a character may come in two pieces.
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  for await (const event of events) {
    if (event.kind === 'exit') {
      for (const kind of ['stdout', 'stderr'] as const) {
        const rest = decoders[kind].decode();
        if (rest !== '') yield { type: kind, data: rest };
      }
      yield { type: 'exit' as const, ...shown(event) };
    } else if (encoding === 'base64') {
      yield { type: event.kind, data: Buffer.from(event.data).toString('base64') };
    } else {
      const data = decoders[event.kind].decode(event.data, { stream: true });
      if (data !== '') yield { type: event.kind, data };
    }
  }
}

async function result(events: AsyncIterable<ExecEvent>, encoding: Encoding) {
  const chunks: Record<'stdout' | 'stderr', Uint8Array[]> = { stdout: [], stderr: [] };
  let exit: Exit | undefined;
  for await (const event of events) {
    if (event.kind === 'exit') exit = event;
    else chunks[event.kind].push(event.data);
  }
  const text = (kind: 'stdout' | 'stderr') => Buffer.concat(chunks[kind]).toString(encoding);
  const ended = exit ?? { kind: 'exit', code: null, signal: null, timedOut: false, truncated: false };
  return { stdout: text('stdout'), stderr: text('stderr'), ...shown(ended) };
}

function shown({ code, signal, timedOut, truncated }: Exit) {
  return { exitCode: code, signal, timedOut, truncated };
}

/** Two forms of one answer; the type leaves the content open, because only whole JSON answers can be checked. */
function either(): { description: string; content?: Record<string, { schema: z.ZodType }> } {
  return {
    description: 'the output, then how it ended',
    content: { 'application/x-ndjson': { schema: CommandEventShape }, 'application/json': { schema: ResultShape } },
  };
}
