import { createRoute, z } from '@hono/zod-openapi';
import type { CommandEvent } from '../host/contract.ts';
import { requireScope } from './authentication.ts';
import { begun } from './begun.ts';
import { received } from './bytes.ts';
import { answers, errors, streams, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { ndjson } from './ndjson.ts';
import type { ApiParts } from './parts.ts';
import { SandboxId } from './sandbox-shapes.ts';
import { BackgroundShape, OutputEventShape, Pid, RunningShape, SignalShape, SizeShape } from './sandbox-work-shapes.ts';
import { whileWanted } from './wanted.ts';

const params = z.object({ id: SandboxId });
const ofOne = z.object({ id: SandboxId, pid: Pid });
const FAILURES = errors('not_found', 'gone', 'unprocessable', 'quota_exceeded', 'no_room', 'too_large');
const PATH = '/v1/sandboxes/{id}/commands';

const start = createRoute({
  method: 'post',
  path: PATH,
  summary: 'Start a command that goes on by itself',
  description: 'Its newest output is kept, 256 KiB, for those who look later.',
  security: WITH_KEY,
  request: { params, body: takes(BackgroundShape) },
  responses: { 201: answers('its process id', z.object({ pid: z.number().int() })), ...FAILURES },
});

const list = createRoute({
  method: 'get',
  path: PATH,
  summary: 'The commands that run, however they were started',
  security: WITH_KEY,
  request: { params },
  responses: { 200: answers('the commands', z.object({ commands: z.array(RunningShape) })), ...FAILURES },
});

const output = createRoute({
  method: 'get',
  path: `${PATH}/{pid}/output`,
  summary: 'What a command wrote, as far as it is kept, what it writes, and how it ended',
  description:
    'The last 32 that ended are known too. Who reads slowly holds the command up; who leaves does not end it.',
  security: WITH_KEY,
  request: {
    params: ofOne,
    query: z.object({
      after: z.coerce
        .number()
        .int()
        .min(0)
        .default(0)
        .openapi({ description: 'Position behind which output is wanted.' }),
      encoding: z.enum(['utf8', 'base64']).default('utf8'),
    }),
  },
  responses: { 200: streams('the events', OutputEventShape), ...FAILURES },
});

const stdin = createRoute({
  method: 'post',
  path: `${PATH}/{pid}/stdin`,
  summary: 'Write the body to a command’s input',
  description: 'Answered when all of it is written. Bodies that are sent one after the other stay in order.',
  security: WITH_KEY,
  request: {
    params: ofOne,
    query: z.object({
      end: z.enum(['true', 'false']).default('false').openapi({ description: 'The input ends after this.' }),
    }),
  },
  responses: { 204: { description: 'written' }, ...FAILURES },
});

const signal = createRoute({
  method: 'post',
  path: `${PATH}/{pid}/signal`,
  summary: 'Send a signal to a command’s process group; SIGKILL to all that it started',
  security: WITH_KEY,
  request: { params: ofOne, body: takes(SignalShape) },
  responses: { 204: { description: 'sent' }, ...FAILURES },
});

const resize = createRoute({
  method: 'post',
  path: `${PATH}/{pid}/resize`,
  summary: 'Tell a command’s terminal its size',
  security: WITH_KEY,
  request: { params: ofOne, body: takes(SizeShape) },
  responses: { 204: { description: 'told' }, ...FAILURES },
});

export function sandboxCommandRoutes({ sandboxes: { commands }, log, closing }: ApiParts): Api {
  return newApi()
    .openapi(start, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { command, timeoutSeconds = 0, ...rest } = c.req.valid('json');
      const argv = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
      const request = { ...rest, argv, timeoutMs: timeoutSeconds * 1000 };
      const { id } = c.req.valid('param');
      return c.json({ pid: await commands.start(id, c.var.principal.project, request, whileWanted(c, closing)) }, 201);
    })
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id } = c.req.valid('param');
      const running = await commands.list(id, c.var.principal.project, whileWanted(c, closing));
      return c.json({ commands: running.map(({ argv, ...one }) => ({ ...one, command: argv })) }, 200);
    })
    .openapi(output, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id, pid } = c.req.valid('param');
      const { after, encoding } = c.req.valid('query');
      const { project } = c.var.principal;
      const produce = await begun(whileWanted(c, closing), (until) =>
        told(commands.output(id, project, { pid, after }, until), after, encoding),
      );
      return ndjson(c, { log, closing, produce, failed: (error) => ({ type: 'failed', ...error.toBody() }) });
    })
    .openapi(stdin, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id, pid } = c.req.valid('param');
      const end = c.req.valid('query').end === 'true';
      const { project } = c.var.principal;
      await received(c, (bytes) => commands.write(id, project, { pid, bytes, end }, whileWanted(c, closing)));
      return c.body(null, 204);
    })
    .openapi(signal, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id, pid } = c.req.valid('param');
      const sent = { pid, name: c.req.valid('json').signal };
      await commands.signal(id, c.var.principal.project, sent, whileWanted(c, closing));
      return c.body(null, 204);
    })
    .openapi(resize, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id, pid } = c.req.valid('param');
      const size = { pid, ...c.req.valid('json') };
      await commands.resize(id, c.var.principal.project, size, whileWanted(c, closing));
      return c.body(null, 204);
    });
}

async function* told(events: AsyncIterable<CommandEvent>, after: number, encoding: 'utf8' | 'base64') {
  // One for each stream: a character may come in two pieces.
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder(), terminal: new TextDecoder() };
  let position = after;
  let truncated = false;
  for await (const event of events) {
    if (event.kind === 'start') {
      truncated = event.position > after;
      position = event.position;
      yield { type: 'start' as const, pid: event.pid, position };
    } else if (event.kind === 'exit') {
      for (const [type, decoder] of Object.entries(decoders)) {
        const data = decoder.decode();
        if (data !== '') yield { type, data, position };
      }
      const { code: exitCode, signal, timedOut } = event;
      yield { type: 'exit' as const, exitCode, signal, timedOut, truncated };
    } else {
      position += event.data.byteLength;
      const data =
        encoding === 'base64'
          ? Buffer.from(event.data).toString('base64')
          : decoders[event.kind].decode(event.data, { stream: true });
      if (data !== '') yield { type: event.kind, data, position };
    }
  }
}
