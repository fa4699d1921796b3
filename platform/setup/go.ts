import { program } from './program.ts';

/** The Go modules of this repository; they use the standard library alone. */
export const GO_MODULES = [
  'runtime-images/agent',
  'platform/host/vmm/jail',
  'platform/host/network/intercept',
] as const;

/** Nothing is fetched for them, another release of Go neither. */
export const GO_ENVIRONMENT = { GOFLAGS: '', GOPROXY: 'off', GOTOOLCHAIN: 'local', GOWORK: 'off', CGO_ENABLED: '0' };

/** Whether there is a Go to compile them with. */
export async function hasGo(signal: AbortSignal): Promise<boolean> {
  return (await program(['go', 'version'], { signal })).code === 0;
}
