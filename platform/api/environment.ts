import { OpenAPIHono } from '@hono/zod-openapi';
import type { Principal } from '../control/contract.ts';
import { ThawError } from '../errors.ts';

/** What a request carries on its way through the routes. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    /** Set behind the check of the key. */
    principal: Principal;
  };
}

export type Api = OpenAPIHono<ApiEnv>;

/** A router whose input errors are ThawErrors that name each wrong field. */
export function newApi(): Api {
  return new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const wrong = result.error.issues.map(({ path, message }) =>
        path.length === 0 ? message : `${path.join('.')}: ${message}`,
      );
      throw new ThawError('invalid_input', wrong.join(' '), {
        hint: 'See /v1/openapi.json for what this route takes.',
      });
    },
  });
}
