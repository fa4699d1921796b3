import type { z } from '@hono/zod-openapi';
import { ERROR_STATUS, type ErrorCode } from '../errors.ts';
import { ErrorShape } from './shapes.ts';

/** A JSON answer, for a route's list of answers. */
export function answers<Shape extends z.ZodType>(description: string, schema: Shape) {
  return { description, content: { 'application/json': { schema } } };
}

/** An answer of one JSON value a line. Its type leaves the content open, because only whole JSON answers can be checked. */
export function streams(
  description: string,
  schema: z.ZodType,
): { description: string; content?: Record<string, { schema: z.ZodType }> } {
  return { description, content: { 'application/x-ndjson': { schema } } };
}

/** A JSON body that has to be there. */
export function takes<Shape extends z.ZodType>(schema: Shape) {
  return { required: true, content: { 'application/json': { schema } } };
}

/** The answers that tell of an error: those every route can give, and the ones named. */
export function errors(...codes: ErrorCode[]) {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set<ErrorCode>(['unauthenticated', 'forbidden', 'invalid_input', ...codes, 'internal'])) {
    const status = ERROR_STATUS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries([...byStatus].map(([status, named]) => [status, answers(named.join(', '), ErrorShape)]));
}

/** For routes that need a key. */
export const WITH_KEY = [{ key: [] }];
