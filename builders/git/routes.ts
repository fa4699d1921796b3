import { fileURLToPath } from 'node:url';
import { type Context, Hono } from 'hono';
import type { App, Principal, Scope } from '../../platform/control/contract.ts';
import { ThawError, toThawError } from '../../platform/errors.ts';
import { gitEnvironment, serverSettings } from './environment.ts';
import type { HookListener } from './hook-listener.ts';
import { httpBackend } from './http-backend.ts';
import { Push, type PushParts } from './push.ts';

/** git processes that may run at once; each push waits in one. */
const MOST_REQUESTS = 32;
/** A pack holds the history too, not only the tree that is built. */
const PACK_TIMES = 4;
const HOOK_SCRIPT = fileURLToPath(new URL('hook.ts', import.meta.url));
const SERVICES = { 'git-receive-pack': 'deploy', 'git-upload-pack': 'read' } as const satisfies Record<string, Scope>;
type Service = keyof typeof SERVICES;

/** Smart HTTP (gitprotocol-http(5)) in front of `git http-backend`. Errors are plain text: git shows it as `remote:` lines. */
export class GitRoutes implements AsyncDisposable {
  readonly routes = new Hono();
  readonly #parts: PushParts;
  readonly #listener: HookListener;
  readonly #end = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(parts: PushParts, listener: HookListener) {
    this.#parts = parts;
    this.#listener = listener;
    this.routes.get('/:repository/info/refs', (c) => this.#advertise(c));
    this.routes.post('/:repository/:service', (c) => this.#serve(c));
    this.routes.onError((error, c) => this.#refuse(error, c));
    this.routes.notFound((c) => c.text('There is nothing here. A remote looks like /git/<app>.git\n', 404));
  }

  /** Ends what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#running);
  }

  async #advertise(c: Context): Promise<Response> {
    const service = serviceOf(c.req.query('service'));
    const principal = await this.#principal(c, service);
    const app = await this.#find(c, principal).catch((error: unknown) => {
      // The first push makes the app, but not before it comes.
      if (service === 'git-receive-pack' && error instanceof ThawError && error.code === 'not_found') return undefined;
      throw error;
    });
    if (app) await this.#parts.repositories.ensure(app.id);
    return this.#run(c, `${this.#parts.repositories.pathInfo(app?.id)}/info/refs`, principal);
  }

  async #serve(c: Context): Promise<Response> {
    const service = serviceOf(c.req.param('service'));
    const principal = await this.#principal(c, service);
    const { control, repositories } = this.#parts;
    const pushed = service === 'git-receive-pack';
    const app = pushed ? await control.apps.ensure(nameOf(c), principal) : await this.#find(c, principal);
    await repositories.ensure(app.id);
    const pathInfo = `${repositories.pathInfo(app.id)}/${service}`;
    return this.#run(c, pathInfo, principal, pushed ? new Push(this.#parts, app) : undefined);
  }

  async #run(c: Context, pathInfo: string, principal: Principal, push?: Push): Promise<Response> {
    if (this.#running.size >= MOST_REQUESTS) {
      throw new ThawError('no_room', 'Too many git requests at once.', { hint: 'Try again in a moment.' });
    }
    const { log, repositories, settings } = this.#parts;
    const { promise: over, resolve: finish } = Promise.withResolvers<void>();
    this.#running.add(over);
    void over.then(() => this.#running.delete(over));
    const expected = push && this.#listener.expect(push);
    const close = async () => {
      expected?.[Symbol.dispose]();
      await push?.end().catch((error: unknown) => log.error({ err: error }, 'push not settled'));
      finish();
    };
    try {
      const { response, ended } = await httpBackend(
        {
          method: c.req.method,
          pathInfo,
          query: new URL(c.req.url).search.slice(1),
          headers: c.req.raw.headers,
          body: c.req.raw.body,
          user: principal.keyId,
          env: {
            ...gitEnvironment(serverSettings(repositories.hooks, settings.maxSourceBytes * PACK_TIMES)),
            GIT_PROJECT_ROOT: repositories.root,
            ...(push ? this.#hookEnvironment(push) : {}),
          },
        },
        AbortSignal.any([c.req.raw.signal, this.#end.signal]),
        (text) => log.debug({ text: text.slice(0, 1000) }, 'git'),
      );
      void ended.then(close);
      return response;
    } catch (error) {
      await close();
      throw error;
    }
  }

  #hookEnvironment(push: Push): Record<string, string> {
    return {
      THAW_HOOK_NODE: this.#parts.node,
      THAW_HOOK_SCRIPT: HOOK_SCRIPT,
      THAW_HOOK_SOCKET: this.#listener.path,
      THAW_HOOK_TOKEN: push.token,
    };
  }

  async #principal(c: Context, service: Service): Promise<Principal> {
    const secret = secretOf(c.req.header('authorization'));
    if (secret === undefined) {
      throw new ThawError('unauthenticated', 'A key is needed.', {
        hint: 'Give it as the password; the user name does not matter.',
      });
    }
    const principal = await this.#parts.control.keys.authenticate(secret);
    const scope = SERVICES[service];
    if (!principal.scopes.includes(scope)) {
      throw new ThawError('forbidden', `This key may not do that: it lacks the scope ${scope}.`);
    }
    return principal;
  }

  #find(c: Context, principal: Principal): Promise<App> {
    return this.#parts.control.apps.get(nameOf(c), principal.project);
  }

  #refuse(caught: unknown, c: Context): Response {
    const error = toThawError(caught);
    if (error.cause !== undefined) this.#parts.log.warn({ err: error.cause, code: error.code }, 'git request refused');
    const hint = error.hint === undefined ? '' : `${error.hint}\n`;
    const headers: Record<string, string> = { 'content-type': 'text/plain; charset=utf-8' };
    if (error.status === 401) headers['www-authenticate'] = 'Basic realm="Thaw", charset="UTF-8"';
    if (error.status === 503) headers['retry-after'] = '1';
    return c.newResponse(`${error.message}\n${hint}`, error.status as 400, headers);
  }
}

function serviceOf(name: string | undefined): Service {
  if (name === 'git-receive-pack' || name === 'git-upload-pack') return name;
  throw new ThawError('forbidden', 'Only git clients that speak smart HTTP are served.');
}

function nameOf(c: Context): string {
  return (c.req.param('repository') ?? '').replace(/\.git$/, '');
}

/** The key from `Basic` (as the password, or alone as the user name) or `Bearer`. */
function secretOf(header: string | undefined): string | undefined {
  const [, scheme, value] = /^(basic|bearer)\s+(\S+)$/i.exec(header ?? '') ?? [];
  if (value === undefined) return undefined;
  if (scheme?.toLowerCase() === 'bearer') return value;
  const [user = '', ...password] = Buffer.from(value, 'base64').toString('utf8').split(':');
  return password.join(':') || user || undefined;
}
