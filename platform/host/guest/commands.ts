import { z } from 'zod';
import { ThawError } from '../../errors.ts';
import type { CommandEvent, CommandRequest, RunningCommand, TerminalSize } from '../processes.ts';
import type { AgentCaller } from './call.ts';
import { asUser, callOnce, callStream, throwEnding } from './connect.ts';
import { readEnvelopes, sealed } from './envelope.ts';

/** Newest output of each command that the agent keeps, also of the 32 that ended last. */
const KEPT_BYTES = 256 * 1024;
/** Most of the input that goes into one message; the agent takes 8 MiB of JSON. */
const INPUT_BYTES = 256 * 1024;
const MAX_LIST_BYTES = 8 * 1024 * 1024;

/** process.ProcessEvent of E2B's schema, with the agent's own `position` and `signal`. */
const processEvent = z.object({
  event: z.object({
    start: z.object({ pid: z.int(), position: z.int().default(0) }).optional(),
    data: z
      .object({ stdout: z.base64().optional(), stderr: z.base64().optional(), pty: z.base64().optional() })
      .optional(),
    end: z.object({ exitCode: z.int(), exited: z.boolean(), signal: z.string().max(20).optional() }).optional(),
  }),
});
const processes = z.object({
  processes: z.array(
    z.object({
      pid: z.int(),
      config: z.object({ cmd: z.string(), args: z.array(z.string()).default([]), cwd: z.string().nullish() }),
    }),
  ),
});
const STREAMS = { stdout: 'stdout', stderr: 'stderr', pty: 'terminal' } as const;

/** Starts a command that nobody waits for. @throws ThawError `unprocessable` when it could not be started */
export async function startCommand(agent: AgentCaller, req: CommandRequest, signal?: AbortSignal): Promise<number> {
  const [cmd, ...args] = req.argv;
  const user = req.user ?? 'app';
  // The home of `user` is the agent's own default.
  const cwd = req.cwd ?? (user === 'user' ? undefined : '/app');
  const message = {
    process: { cmd, args, envs: req.env ?? {}, cwd },
    stdin: req.stdin,
    ...(req.terminal === undefined ? {} : { pty: { size: req.terminal } }),
    thaw: { keepOutputBytes: KEPT_BYTES },
  };
  try {
    const events = callStream(agent, 'process.Process/Start', message, { user, signal, timeoutMs: req.timeoutMs });
    for await (const told of events) {
      const { start } = processEvent.parse(told).event;
      if (start !== undefined) return start.pid;
    }
  } catch (error) {
    if (!(error instanceof ThawError) || error.code === 'unavailable' || signal?.aborted) throw error;
    throw new ThawError('unprocessable', `The command could not be started: ${error.message}`, { cause: error });
  }
  throw new ThawError('unprocessable', 'The command could not be started.');
}

export async function listCommands(agent: AgentCaller, signal?: AbortSignal): Promise<RunningCommand[]> {
  const told = await callOnce(agent, 'process.Process/List', {}, { signal, maxAnswerBytes: MAX_LIST_BYTES });
  return processes.parse(told).processes.map(({ pid, config: { cmd, args, cwd } }) => ({
    pid,
    argv: [cmd, ...args],
    cwd: cwd ?? null,
  }));
}

/** What a command wrote and writes, then how it ended. */
export async function* commandOutput(
  agent: AgentCaller,
  pid: number,
  after: number,
  signal?: AbortSignal,
): AsyncGenerator<CommandEvent> {
  const message = { process: { pid }, thaw: { after } };
  let exit: Extract<CommandEvent, { kind: 'exit' }> | undefined;
  try {
    for await (const told of callStream(agent, 'process.Process/Connect', message, { signal })) {
      const { start, data, end } = processEvent.parse(told).event;
      if (start) yield { kind: 'start', pid: start.pid, position: start.position };
      for (const [name, kind] of Object.entries(STREAMS)) {
        const bytes = data?.[name as keyof typeof STREAMS];
        if (bytes) yield { kind, data: Buffer.from(bytes, 'base64') };
      }
      if (end) {
        const { exited, exitCode, signal: by = null } = end;
        exit = { kind: 'exit', code: exited ? exitCode : null, signal: by, timedOut: false };
      }
    }
  } catch (error) {
    // A command whose time was up: its stream ends with that.
    if (exit === undefined || !(error instanceof ThawError) || error.code !== 'timed_out') throw error;
    exit.timedOut = true;
  }
  if (exit === undefined) throw new ThawError('unavailable', 'The VM did not say how the command ended.');
  yield exit;
}

/** Writes input as it comes. */
export async function writeCommand(
  agent: AgentCaller,
  pid: number,
  { bytes, end }: { bytes: AsyncIterable<Uint8Array>; end: boolean },
  signal?: AbortSignal,
): Promise<void> {
  const body = async function* () {
    yield sealed({ start: { process: { pid } } });
    for await (const chunk of bytes) {
      for (let at = 0; at < chunk.length; at += INPUT_BYTES) {
        const either = Buffer.from(chunk.subarray(at, at + INPUT_BYTES)).toString('base64');
        yield sealed({ data: { input: { either } } });
      }
    }
  };
  const answer = await agent.send({
    method: 'POST',
    path: '/process.Process/StreamInput',
    headers: { 'content-type': 'application/connect+json', ...asUser(undefined) },
    body: body(),
    signal,
  });
  try {
    for await (const { last, message } of readEnvelopes(answer)) if (last) throwEnding(message);
  } finally {
    answer.destroy();
  }
  if (end) await callOnce(agent, 'process.Process/CloseStdin', { process: { pid } }, { signal });
}

export async function signalCommand(
  agent: AgentCaller,
  pid: number,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  const message = { process: { pid }, signal: `SIGNAL_${name}` };
  await callOnce(agent, 'process.Process/SendSignal', message, { signal });
}

export async function resizeCommand(
  agent: AgentCaller,
  pid: number,
  size: TerminalSize,
  signal?: AbortSignal,
): Promise<void> {
  await callOnce(agent, 'process.Process/Update', { process: { pid }, pty: { size } }, { signal });
}
