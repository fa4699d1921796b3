import { z } from '@hono/zod-openapi';
import type { Sandbox } from '../../sandboxes/contract.ts';

/*
 * The control API that E2B's clients speak, as far as it is answered here:
 * https://github.com/e2b-dev/infra/blob/main/spec/openapi.yml
 */

/** What clients ask the version of, to know what the agent can do. */
const ENVD_VERSION = '0.6.13';
/** Names of E2B's templates that have one of ours as their like. */
const ALIASES: Record<string, string> = { 'code-interpreter-v1': 'code-interpreter' };

const seconds = z.number().int();
const Texts = z.record(z.string(), z.string());
const Network = z.object({
  allowOut: z.array(z.string()).nullish(),
  denyOut: z.array(z.string()).nullish(),
  allowPublicTraffic: z.boolean().nullish(),
});

/** Fields that are not here are taken by clients' defaults and change nothing. */
export const Create = z.object({
  templateID: z.string().transform((name) => ALIASES[name] ?? name),
  timeout: seconds.optional(),
  metadata: Texts.optional(),
  envVars: Texts.optional(),
  autoPause: z.boolean().optional(),
  allow_internet_access: z.boolean().optional(),
  network: Network.optional(),
  volumeMounts: z.array(z.unknown()).max(0, 'volumes are not there yet').optional(),
});

export const Timeout = z.object({ timeout: seconds });
export const Connect = z.object({ timeout: seconds.optional() });
export const Fork = z.object({ timeout: seconds.optional(), count: z.number().int().default(1) });
export const Snapshot = z.object({ name: z.string().optional() });
export const NetworkUpdate = Network.extend({ allow_internet_access: z.boolean().optional() });
export const List = z.object({
  metadata: z.string().optional(),
  state: z.union([z.enum(['running', 'paused']), z.array(z.enum(['running', 'paused']))]).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(100),
});

/** A sandbox in the words of E2B's API. @param domain what ports are below, with the edge's port */
export function shown(sandbox: Sandbox, domain: string) {
  const { id, template, state, metadata, memoryMiB, cpus, diskMiB, createdAt, endsAt, ports, egress } = sandbox;
  return {
    sandboxID: id,
    templateID: template,
    clientID: 'thaw',
    state,
    startedAt: createdAt,
    // A paused one ends at no time; clients want a moment all the same.
    endAt: endsAt ?? createdAt,
    cpuCount: Math.ceil(cpus),
    memoryMB: memoryMiB,
    diskSizeMB: diskMiB,
    envdVersion: ENVD_VERSION,
    metadata,
    domain,
    allowInternetAccess: egress.allow.includes('open'),
    network: { allowOut: egress.allow, allowPublicTraffic: ports === 'public' },
  };
}
