import { ThawError } from '../errors.ts';
import type { Egress } from '../host/contract.ts';
import type { SandboxEgress } from './contract.ts';

const MOST_RULES = 100;
const HOST_NAME = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * What the host is told of a sandbox's egress: the one place that knows both.
 *
 * @throws ThawError `invalid_input` for a rule that it cannot keep
 */
export function hostEgress({ allow }: SandboxEgress): Egress {
  if (allow.length > MOST_RULES) {
    throw new ThawError('invalid_input', `There are ${allow.length} egress rules.`, {
      hint: `At most ${MOST_RULES}.`,
    });
  }
  if (allow.length === 0) return { mode: 'none' };
  if (allow.includes('open')) return { mode: 'public' };
  const wrong = allow.find((rule) => !HOST_NAME.test(rule));
  if (wrong === undefined) return { mode: 'hosts', hosts: allow };
  throw new ThawError('invalid_input', `${JSON.stringify(wrong.slice(0, 60))} is no egress rule.`, {
    hint: 'Allow host names such as example.com, or "open" for the public internet.',
  });
}
