import { ThawError } from '../errors.ts';
import type { Egress } from '../host/contract.ts';
import type { SandboxEgress } from './contract.ts';

const MOST_RULES = 100;

/**
 * What the host is told of a sandbox's egress; what a rule may be is the host's to say. Also no rules are rules: they can
 * be others later.
 *
 * @throws ThawError `invalid_input` for too many
 */
export function hostEgress({ allow }: SandboxEgress): Egress {
  if (allow.length <= MOST_RULES) return { mode: 'rules', allow };
  throw new ThawError('invalid_input', `There are ${allow.length} egress rules.`, { hint: `At most ${MOST_RULES}.` });
}
