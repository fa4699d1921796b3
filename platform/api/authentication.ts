import type { MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Control, Principal, Scope } from '../control/contract.ts';
import { ThawError } from '../errors.ts';
import type { ApiEnv } from './environment.ts';

/** Lets a request through that carries a valid key, and notes whose it is. */
export function authenticate(control: Control): MiddlewareHandler<ApiEnv> {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const [, secret] = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
    if (secret === undefined) {
      throw new ThawError('unauthenticated', 'This request carries no key.', {
        hint: 'Send `Authorization: Bearer thw_...`.',
      });
    }
    c.set('principal', await control.keys.authenticate(secret));
    await next();
  });
}

/** @throws ThawError `forbidden` when the key lacks the scope */
export function requireScope(principal: Principal, scope: Scope): void {
  if (principal.scopes.includes(scope)) return;
  throw new ThawError('forbidden', `This key may not do that: it lacks the scope ${scope}.`, {
    hint: 'Use a key with that scope, or ask whoever manages this project for one.',
  });
}

/** @throws ThawError `forbidden` for the key of a project */
export function requireAdmin(principal: Principal): void {
  if (principal.project === null) return;
  throw new ThawError('forbidden', 'Only an admin key may do that.', {
    hint: 'The admin key is in the file admin.key of the server’s data directory.',
  });
}

/**
 * The project that a request is about: the one it names, else that of the key, else the default one.
 *
 * @throws ThawError `not_found` for another project than the key's, which looks as if it did not exist
 */
export function projectFor(principal: Principal, named: string | undefined, fallback: string): string {
  const project = named ?? principal.project ?? fallback;
  if (principal.project !== null && project !== principal.project) {
    throw new ThawError('not_found', `There is no project called ${project}.`);
  }
  return project;
}
