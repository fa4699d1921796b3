import type { z } from 'zod';
import { ThawError } from '../../errors.ts';
import type { NetworkUpdate } from './shapes.ts';

const EVERYTHING = '0.0.0.0/0';

/**
 * What a sandbox may reach, of E2B's lists. There, everything is open that is not denied; what is allowed wins over
 * what is denied.
 *
 * @throws ThawError `invalid_input` for a list that closes some addresses and leaves the others open
 */
export function egressOf({
  allow_internet_access: internet = true,
  allowOut,
  denyOut,
}: z.infer<typeof NetworkUpdate>): { allow: string[] } {
  const allowed = (allowOut ?? []).map((rule) => (rule === EVERYTHING ? 'open' : rule));
  const denied = denyOut ?? [];
  if (!internet || denied.includes(EVERYTHING)) return { allow: allowed };
  if (denied.length === 0) return { allow: [...new Set(['open', ...allowed])] };
  throw new ThawError('invalid_input', 'denyOut can only close everything here.', {
    hint: `Deny ${EVERYTHING} and name in allowOut what may be reached.`,
  });
}
