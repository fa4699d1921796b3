import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ThawError } from '../../errors.ts';
import type { ExecEvent, ExecRequest, GuestLogLine, Listening, ProcessRequest } from '../contract.ts';
import { AgentCaller } from './call.ts';
import { GuestDisks } from './disks.ts';
import { exec } from './exec.ts';

/** The longest line the agent sends is 16 KiB of text, escaped; past this the guest is lying. */
const MAX_LINE_BYTES = 256 * 1024;

const ended = z.object({ code: z.number().nullable(), signal: z.string().nullable() });
const listening = z.union([
  z.object({ listening: z.literal(true) }),
  z.object({ listening: z.literal(false), exited: ended }),
  z.object({ listening: z.literal(false), timedOut: z.literal(true) }),
]);
const logLine = z.object({
  seq: z.number(),
  time: z.string().max(40),
  stream: z.enum(['stdout', 'stderr']),
  line: z.string(),
});

/** The agent of one guest, spoken to over HTTP. What it answers comes from inside the guest and is checked. */
export class GuestAgent {
  readonly caller: AgentCaller;
  readonly disks: GuestDisks;

  /** @param address the VM's slot address */
  constructor(address: string) {
    this.caller = new AgentCaller(address);
    this.disks = new GuestDisks(this.caller);
  }

  /** Resolves when the agent answers. @throws the signal's reason */
  async waitUntilUp(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const attempt = AbortSignal.any([signal, AbortSignal.timeout(500)]);
      const up = await this.caller.json({ method: 'GET', path: '/health', signal: attempt }).then(
        () => true,
        () => false,
      );
      if (up) return;
      await sleep(20);
    }
  }

  exec(req: ExecRequest, signal?: AbortSignal): AsyncIterable<ExecEvent> {
    return exec(this.caller, req, signal);
  }

  async putTree(path: string, tar: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    const query = new URLSearchParams({ path, user: 'app' });
    await this.caller.done({ method: 'PUT', path: `/tree?${query}`, body: tar, signal });
  }

  async *getTree(path: string, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    const answer = await this.caller.send({ method: 'GET', path: `/tree?${new URLSearchParams({ path })}`, signal });
    try {
      yield* answer;
    } finally {
      answer.destroy();
    }
  }

  async setEnvironment(environment: Record<string, string>, signal?: AbortSignal): Promise<void> {
    const body = JSON.stringify({ envVars: environment });
    await this.caller.done({ method: 'POST', path: '/init', body, signal });
  }

  async startProcess(req: ProcessRequest, signal?: AbortSignal): Promise<void> {
    const body = JSON.stringify({
      name: 'app',
      argv: req.argv,
      env: req.env,
      cwd: req.cwd ?? '/app',
      user: req.user ?? 'app',
      tasksMax: req.tasksMax ?? 0,
    });
    await this.caller.done({ method: 'POST', path: '/process', body, signal });
  }

  async stopProcess(signal?: AbortSignal): Promise<void> {
    await this.caller.done({ method: 'DELETE', path: '/process', signal });
  }

  async waitListening(port: number, timeoutMs: number, signal?: AbortSignal): Promise<Listening> {
    const path = `/wait?port=${port}&timeoutMs=${timeoutMs}`;
    return listening.parse(await this.caller.json({ method: 'GET', path, signal }));
  }

  async *logs(after: number, follow: boolean, signal?: AbortSignal): AsyncIterable<GuestLogLine> {
    const path = `/logs?after=${after}${follow ? '&follow=1' : ''}`;
    const answer = await this.caller.send({ method: 'GET', path, signal });
    try {
      let partial = '';
      for await (const chunk of answer.setEncoding('utf8')) {
        const lines = (partial + chunk).split('\n');
        partial = lines.pop() ?? '';
        if (partial.length > MAX_LINE_BYTES) throw new ThawError('internal', 'The guest sent an endless log line.');
        for (const line of lines) if (line !== '') yield logLine.parse(JSON.parse(line));
      }
    } finally {
      answer.destroy();
    }
  }

  async clearLogs(signal?: AbortSignal): Promise<void> {
    await this.caller.done({ method: 'POST', path: '/logs/clear', signal });
  }

  async pendingWork(signal?: AbortSignal): Promise<number> {
    return z.object({ pending: z.number() }).parse(await this.caller.json({ method: 'GET', path: '/pending', signal }))
      .pending;
  }

  /** Lets the root file system take a disk that has grown to so many bytes. @throws ThawError `unprocessable` */
  async growRoot(bytes: number, signal?: AbortSignal): Promise<void> {
    await this.caller.done({ method: 'POST', path: '/root/grow', body: JSON.stringify({ bytes }), signal });
  }

  /** Brings the guest into a state worth freezing: disks written, garbage collected. What was read from disk stays in memory. */
  async settle(signal?: AbortSignal): Promise<void> {
    await this.caller.done({ method: 'POST', path: '/settle?cache=keep', signal });
  }
}
