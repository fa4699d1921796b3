import type { Host, ThawRequest, Vm } from '../platform/host/contract.ts';

/** A VM that ends with its scope, whatever happens there. */
export type ScopedVm = Vm & AsyncDisposable;

/** Thaws a VM for as long as the scope lasts. Throws as `Host.thaw` does. */
export async function thawScoped(host: Host, request: ThawRequest, signal: AbortSignal): Promise<ScopedVm> {
  const vm = await host.thaw(request, signal);
  return { ...vm, [Symbol.asyncDispose]: () => host.end(vm.id) };
}
