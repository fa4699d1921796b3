import { z } from 'zod';
import { ThawError } from '../../errors.ts';
import type { ExecEvent, ExecRequest } from '../contract.ts';
import type { AgentCaller } from './call.ts';
import { readEnvelopes, sealed } from './envelope.ts';

const DEFAULT_OUTPUT_BYTES = 4 * 1024 * 1024;
/** Most of the input that goes into one message; the agent takes 8 MiB of JSON. */
const INPUT_BYTES = 256 * 1024;
const STREAM = { 'content-type': 'application/connect+json' };

/** process.ProcessEvent of E2B's schema, with the agent's own `signal` and `truncated`. */
const event = z.object({
  event: z.object({
    start: z.object({ pid: z.int() }).optional(),
    data: z.object({ stdout: z.base64().optional(), stderr: z.base64().optional() }).optional(),
    end: z
      .object({
        exitCode: z.int(),
        exited: z.boolean(),
        signal: z.string().max(20).optional(),
        truncated: z.boolean().optional(),
      })
      .optional(),
  }),
});
const ending = z.object({ error: z.object({ code: z.string().max(40), message: z.string().max(2000) }).optional() });

/**
 * Runs a command by process.Process/Start and tells what it writes, then how it ended. It ends with whoever reads this.
 *
 * @throws ThawError `unprocessable` when it could not be started; what `req.stdin` throws
 */
export async function* exec(agent: AgentCaller, req: ExecRequest, signal?: AbortSignal): AsyncIterable<ExecEvent> {
  const over = new AbortController();
  const until = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const answer = await agent.send({
    method: 'POST',
    path: '/process.Process/Start',
    headers: startHeaders(req),
    body: sealed(startMessage(req)),
    signal: until,
  });
  let feeding: Promise<void> | undefined;
  let exit: Omit<Extract<ExecEvent, { kind: 'exit' }>, 'timedOut'> | undefined;
  try {
    for await (const { last, message } of readEnvelopes(answer)) {
      if (last) {
        const { error } = ending.parse(message);
        if (!exit) throw new ThawError('unprocessable', `The command could not be started: ${error?.message}`);
        yield { ...exit, timedOut: error?.code === 'deadline_exceeded' };
        continue;
      }
      const { start, data, end } = event.parse(message).event;
      if (start && req.stdin) {
        feeding = feed(agent, start.pid, req.stdin, until).catch((cause) => {
          answer.destroy(cause);
        });
      }
      if (data?.stdout) yield { kind: 'stdout', data: Buffer.from(data.stdout, 'base64') };
      if (data?.stderr) yield { kind: 'stderr', data: Buffer.from(data.stderr, 'base64') };
      if (end) {
        const { exited, exitCode, signal = null, truncated = false } = end;
        exit = { kind: 'exit', code: exited ? exitCode : null, signal, truncated };
      }
    }
  } finally {
    answer.destroy();
    over.abort();
    await feeding;
  }
}

function startHeaders(req: ExecRequest): Record<string, string> {
  return {
    ...STREAM,
    authorization: `Basic ${Buffer.from(`${req.user ?? 'app'}:`).toString('base64')}`,
    ...(req.timeoutMs > 0 ? { 'connect-timeout-ms': String(Math.ceil(req.timeoutMs)) } : {}),
  };
}

function startMessage(req: ExecRequest) {
  const [cmd, ...args] = req.argv;
  // The home of `user` is the agent's own default.
  const cwd = req.cwd ?? (req.user === 'user' ? undefined : '/app');
  return {
    process: { cmd, args, envs: req.env ?? {}, cwd },
    stdin: req.stdin !== undefined,
    thaw: { attached: true, maxOutputBytes: req.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES },
  };
}

/** Writes input until its end, which the command then sees. That the command takes no more of it is no error. */
async function feed(
  agent: AgentCaller,
  pid: number,
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  let broken: unknown;
  const body = async function* () {
    yield sealed({ start: { process: { pid } } });
    try {
      for await (const chunk of input) {
        for (let at = 0; at < chunk.length; at += INPUT_BYTES) {
          const stdin = Buffer.from(chunk.subarray(at, at + INPUT_BYTES)).toString('base64');
          yield sealed({ data: { input: { stdin } } });
        }
      }
    } catch (cause) {
      broken = cause;
      throw cause;
    }
  };
  try {
    await agent.done({
      method: 'POST',
      path: '/process.Process/StreamInput',
      headers: STREAM,
      body: body(),
      signal,
    });
    await agent.done({
      method: 'POST',
      path: '/process.Process/CloseStdin',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ process: { pid } }),
      signal,
    });
  } catch {
    // Ended, or has closed its input: its own end says the rest.
  }
  if (broken !== undefined) throw broken;
}
