import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from '../platform/cli/node-flags.ts';
import { ThawError } from '../platform/errors.ts';
import { get } from './request.ts';
import { freePort } from './server.ts';

const EDGE = fileURLToPath(new URL('edge.ts', import.meta.url));
const READY_LIMIT_MS = 15_000;
const POLL_MS = 50;

/** What all of them answer. */
export const ANSWER = 'hello';
/** Host name that all of them are asked for. */
export const NAME = 'app.localhost';

/** Ports of one upstream, and of three proxies in front of it. */
export interface Proxies extends AsyncDisposable {
  ports: Record<'thaw' | 'caddy' | 'nginx' | 'straight', number>;
}

/**
 * Starts nginx as the upstream, and in front of it Thaw's edge, Caddy, and nginx
 * as a proxy with kept connections. Caddy is as its package has it, without an
 * access log; nginx writes one, as its package has it; Thaw's edge writes one
 * and counts for Prometheus.
 *
 * @throws ThawError `unavailable` when one of them does not answer
 */
export async function startProxies(): Promise<Proxies> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp('/tmp/thaw-bench-proxies-');
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const ports = {
    straight: await freePort(),
    nginx: await freePort(),
    caddy: await freePort(),
    thaw: await freePort(),
  };
  const files = {
    upstream: join(directory, 'upstream.conf'),
    nginx: join(directory, 'nginx.conf'),
    caddy: join(directory, 'Caddyfile'),
  };
  await writeFile(
    files.upstream,
    nginxSettings(
      directory,
      'upstream',
      `access_log off;
      server { listen 127.0.0.1:${ports.straight} backlog=4096; keepalive_requests 100000000; return 200 "${ANSWER}"; }`,
    ),
  );
  await writeFile(
    files.nginx,
    nginxSettings(
      directory,
      'nginx',
      `access_log ${join(directory, 'access.log')};
      upstream app { server 127.0.0.1:${ports.straight}; keepalive 256; keepalive_requests 100000000; }
      server {
        listen 127.0.0.1:${ports.nginx} backlog=4096;
        keepalive_requests 100000000;
        location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
      }`,
    ),
  );
  await writeFile(
    files.caddy,
    `{\n  admin off\n  auto_https off\n}\nhttp://${NAME}:${ports.caddy} {\n  bind 127.0.0.1\n  reverse_proxy 127.0.0.1:${ports.straight}\n}\n`,
  );
  run(stack, 'nginx', ['-c', files.upstream, '-p', directory, '-e', join(directory, 'upstream.log')]);
  run(stack, 'nginx', ['-c', files.nginx, '-p', directory, '-e', join(directory, 'nginx.log')]);
  run(stack, 'caddy', ['run', '--config', files.caddy, '--adapter', 'caddyfile'], {
    PATH: process.env.PATH,
    HOME: directory,
  });
  run(stack, process.execPath, [
    ...NODE_FLAGS,
    EDGE,
    '--port',
    String(ports.thaw),
    '--upstream',
    String(ports.straight),
  ]);
  for (const [name, port] of Object.entries(ports)) await answering(name, port);
  const resources = stack.move();
  return { ports, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

function nginxSettings(directory: string, name: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(directory, `${name}-${kind}`)};`)
    .join('\n');
  return `daemon off;
    worker_processes 1;
    pid ${join(directory, `${name}.pid`)};
    events { worker_connections 1024; }
    http { ${temporary}
    ${http} }`;
}

function run(stack: AsyncDisposableStack, program: string, argv: string[], env: NodeJS.ProcessEnv = process.env): void {
  const child: ChildProcess = spawn(program, argv, { env, stdio: 'ignore' });
  const ended = Promise.race([once(child, 'exit'), once(child, 'error')]).catch(() => {});
  stack.defer(async () => {
    child.kill('SIGTERM');
    await ended;
  });
}

async function answering(name: string, port: number): Promise<void> {
  for (const began = performance.now(); performance.now() - began < READY_LIMIT_MS; await sleep(POLL_MS)) {
    const answer = await get({ host: '127.0.0.1', port, name: NAME }).catch(() => undefined);
    if (answer?.status === 200 && answer.body === ANSWER) return;
  }
  throw new ThawError('unavailable', `${name} does not answer.`, {
    hint: '`npm run bench` installs caddy, nginx-light and wrk; is one of them missing?',
  });
}
