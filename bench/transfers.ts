import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { openAsBlob } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ThawError } from '../platform/errors.ts';
import { slotAddress } from '../platform/host/network/addresses.ts';
import { allClaims } from '../platform/host/network/claims.ts';
import type { Sandbox } from '../platform/sdk/index.ts';
import { type Figure, median } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { type BenchServer, startServer } from './server.ts';

const MIB = 1024 * 1024;
const SIZE = 1024 * MIB;
const PIECE = MIB;
const PORT = 9000;
const SAMPLE_MS = 100;
const CONNECT_LIMIT_MS = 2_000;

/** Takes a file on one connection and gives it back on the next, with nothing in between. */
const PLAIN = `
import socket, shutil
server = socket.create_server(("0.0.0.0", ${PORT}))
while True:
    one, _ = server.accept()
    with one, one.makefile("rwb") as stream:
        way = stream.read(1)
        if way == b"w":
            with open("/app/plain", "wb") as file: shutil.copyfileobj(stream, file, 1 << 20)
        elif way == b"r":
            with open("/app/plain", "rb") as file: one.sendfile(file)
`;

/** One GiB into a sandbox and out of it by way of the API, beside a plain TCP connection over the same link. */
export async function transfers({ rounds = 2, progress }: PartOptions): Promise<PartResult> {
  await using server = await startServer();
  await using stack = new AsyncDisposableStack();
  const scratch = await mkdtemp('/tmp/thaw-bench-transfer-');
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  const path = join(scratch, 'file');
  const sum = await makeFile(path);
  const sandbox = stack.use(await server.thaw.sandboxes.create({ template: 'python', ttlSeconds: 3600 }));
  await sandbox.files.write('/app/plain.py', PLAIN);
  await sandbox.exec('setsid python3 /app/plain.py >/dev/null 2>&1 </dev/null &');
  const speeds: Record<string, number[]> = { upload: [], download: [], 'plain in': [], 'plain out': [] };
  const address = await plainAddress(server);
  const before = await memoryOf(server);
  await using memory = watchMemory(server);
  for (let round = 0; round < rounds; round += 1) {
    const timed = async (name: string, work: () => Promise<void>) => {
      const began = performance.now();
      await work();
      const speed = SIZE / MIB / ((performance.now() - began) / 1000);
      speeds[name]?.push(speed);
      progress(`transfers: ${name} ${speed.toFixed(0)} MiB/s`);
    };
    const blob = await openAsBlob(path);
    await timed('upload', () => sandbox.files.write('/app/file', blob));
    await timed('plain in', () => plain(address, 'w', path));
    await timed('download', async () => mustBe(sum, await summed(sandbox.files.stream('/app/file'))));
    await timed('plain out', () => plain(address, 'r'));
  }
  await sameInside(sandbox, sum);
  const figures: Figure[] = Object.entries(speeds).map(([name, values]) => {
    return { part: 'transfers', name: `${name} of 1 GiB, MiB/s`, value: median(values), unit: '' };
  });
  figures.push({
    part: 'transfers',
    name: "the server's memory, most above before",
    value: (memory.most - before) / MIB,
    unit: 'MiB',
    atMost: 128,
  });
  return { figures, samples: speeds };
}

/** @returns its SHA-256 */
async function makeFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await using file = await open(path, 'w');
  for (let at = 0; at < SIZE; at += PIECE) {
    const piece = Buffer.alloc(PIECE, createHash('sha256').update(String(at)).digest());
    hash.update(piece);
    await file.write(piece);
  }
  return hash.digest('hex');
}

async function summed(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of bytes) hash.update(piece);
  return hash.digest('hex');
}

function mustBe(wanted: string, found: string): void {
  if (wanted !== found) throw new ThawError('internal', 'What came out is not what went in.');
}

async function sameInside(sandbox: Sandbox, sum: string): Promise<void> {
  const { stdout } = await sandbox.exec('sha256sum /app/file /app/plain', { timeoutSeconds: 600 });
  for (const line of stdout.trim().split('\n')) mustBe(sum, line.split(' ')[0] ?? '');
}

async function plain(address: string, way: 'w' | 'r', path?: string): Promise<void> {
  const socket = await opened(address);
  socket.write(way);
  if (path === undefined) {
    let bytes = 0;
    for await (const piece of socket) bytes += (piece as Buffer).length;
    if (bytes !== SIZE) throw new ThawError('internal', `${bytes} bytes came on the plain connection.`);
    return;
  }
  const blob = await openAsBlob(path);
  for await (const piece of blob.stream()) if (!socket.write(piece)) await once(socket, 'drain');
  socket.end();
  socket.resume();
  await once(socket, 'close');
}

async function opened(address: string): Promise<Socket> {
  const socket = connect(PORT, address);
  try {
    // A slot without a guest says nothing.
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_LIMIT_MS) });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The slot in which the plain program listens. */
async function plainAddress(server: BenchServer): Promise<string> {
  for (let tries = 0; tries < 100; tries += 1) {
    for (const { index, owner } of await allClaims()) {
      if (owner !== server.config.data) continue;
      const socket = await opened(slotAddress(index)).catch(() => undefined);
      socket?.destroy();
      if (socket !== undefined) return slotAddress(index);
    }
    await sleep(SAMPLE_MS);
  }
  throw new ThawError('internal', 'The plain program does not listen.');
}

async function memoryOf({ pid }: BenchServer): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

function watchMemory(server: BenchServer): AsyncDisposable & { readonly most: number } {
  const over = new AbortController();
  let most = 0;
  const watching = (async () => {
    while (!over.signal.aborted) {
      most = Math.max(most, await memoryOf(server));
      await sleep(SAMPLE_MS);
    }
  })();
  return {
    get most() {
      return most;
    },
    async [Symbol.asyncDispose]() {
      over.abort();
      await watching;
    },
  };
}
