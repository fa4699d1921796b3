import { z } from 'zod';
import type { AgentCaller } from './call.ts';
import { connectError, connectErrorShape } from './connect-error.ts';
import { readEnvelopes, sealed } from './envelope.ts';

const ending = z.object({ error: connectErrorShape.optional() });

/** For whom a call is, and what ends it. */
export interface ConnectOptions {
  /** User of the guest; absent: the agent's default. */
  user?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Most bytes of an answer. */
  maxAnswerBytes?: number;
}

/** A call with one answer. @throws ThawError the agent's refusal */
export function callOnce(agent: AgentCaller, method: string, message: unknown, options: ConnectOptions = {}) {
  const { user, signal, maxAnswerBytes } = options;
  const headers = { 'content-type': 'application/json', ...asUser(user) };
  return agent.json(
    { method: 'POST', path: `/${method}`, headers, body: JSON.stringify(message), signal },
    maxAnswerBytes,
  );
}

/** The messages of a call that streams, of whatever form the guest gave them. @throws ThawError the agent's refusal */
export async function* callStream(
  agent: AgentCaller,
  method: string,
  message: unknown,
  options: ConnectOptions & { timeoutMs?: number } = {},
): AsyncGenerator<unknown> {
  const { user, signal, timeoutMs = 0 } = options;
  const headers = {
    'content-type': 'application/connect+json',
    ...asUser(user),
    ...(timeoutMs > 0 ? { 'connect-timeout-ms': String(Math.ceil(timeoutMs)) } : {}),
  };
  const answer = await agent.send({ method: 'POST', path: `/${method}`, headers, body: sealed(message), signal });
  try {
    for await (const envelope of readEnvelopes(answer)) {
      if (!envelope.last) yield envelope.message;
      else throwEnding(envelope.message);
    }
  } finally {
    answer.destroy();
  }
}

/** @throws ThawError what the last message of a stream tells of */
export function throwEnding(message: unknown): void {
  const { error } = ending.parse(message);
  if (error !== undefined) throw connectError(error);
}

export function asUser(user: string | undefined): Record<string, string> {
  return user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}` };
}
