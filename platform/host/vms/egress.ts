import { ThawError } from '../../errors.ts';
import type { Egress } from '../contract.ts';
import type { SlotKind } from '../network/addresses.ts';

/** The kind of slot that a VM with this egress needs. */
export function slotKindOf({ mode }: Egress): SlotKind {
  if (mode === 'public') return 'public';
  return mode === 'rules' ? 'ruled' : 'closed';
}

/**
 * What a VM's egress becomes when `wanted` is asked for while it has a slot: the slot's rules in the kernel stay as they
 * are, so only a slot in which the gateway decides can get another policy.
 *
 * @throws ThawError `conflict`
 */
export function changedEgress(kind: SlotKind, wanted: Egress): Egress {
  if (kind === 'ruled' && wanted.mode === 'rules') return wanted;
  if (kind === 'ruled' && wanted.mode === 'none') return { mode: 'rules', allow: [] };
  throw new ThawError('conflict', `The egress of this VM cannot become "${wanted.mode}" while it lives.`, {
    hint:
      kind === 'ruled' ? 'Give it rules; none at all closes everything.' : 'Only that of a VM thawed with rules can.',
  });
}
