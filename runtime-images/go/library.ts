import { join } from 'node:path';
import { run } from '../run.ts';

/**
 * What servers import of the standard library; what that imports in turn comes along. The rest (debuggers, parsers of Go,
 * test tools) is compiled in a build that asks for it.
 */
const PACKAGES = [
  ...['archive/tar', 'archive/zip', 'compress/bzip2', 'container/...', 'crypto/...', 'database/sql', 'embed'],
  ...[
    'encoding/...',
    'errors',
    'expvar',
    'flag',
    'hash/...',
    'html/template',
    'image/...',
    'index/suffixarray',
    'iter',
  ],
  ...['log/slog', 'maps', 'math/big', 'math/bits', 'math/cmplx', 'math/rand', 'math/rand/v2', 'mime/...'],
  ...['net/http/cgi', 'net/http/cookiejar', 'net/http/httptest', 'net/http/httputil', 'net/http/pprof', 'net/mail'],
  ...['net/netip', 'net/smtp', 'net/textproto', 'os/exec', 'os/signal', 'os/user', 'path/filepath', 'plugin', 'regexp'],
  ...['runtime/debug', 'runtime/metrics', 'runtime/trace', 'slices', 'sort', 'strconv', 'text/tabwriter'],
  ...['text/template', 'time/tzdata', 'unicode/utf16', 'unique', 'weak'],
];

/**
 * With these, a build finds the library compiled: Go looks into its own directory for it, and compares by content, so it
 * neither ages nor has to be writable, as a build cache would. Without C, a program needs nothing of the image that it
 * runs in. `GODEBUG` is for the go command alone.
 */
const ENVIRONMENT = { GODEBUG: 'installgoroot=all', GOFLAGS: '-trimpath', CGO_ENABLED: '0', GOTOOLCHAIN: 'local' };

/** All that decides how the library is compiled. */
export const LIBRARY = { packages: PACKAGES, environment: ENVIRONMENT };

/**
 * Compiles the standard library into a toolchain: an emulated guest would take minutes for it.
 *
 * @param go the toolchain's root; it may lie somewhere else later
 * @param cache path of a directory for the time being
 */
export async function compileLibrary(go: string, cache: string, signal: AbortSignal): Promise<void> {
  const env = { ...ENVIRONMENT, GOROOT: go, GOCACHE: cache, GOENV: 'off', GOWORK: 'off', GOPROXY: 'off' };
  const program = join(go, 'bin/go');
  const options = { cwd: join(go, 'src'), env, signal };
  const listed = await run(program, ['list', '-deps', ...PACKAGES], options);
  // It is the compiler's own and has no code.
  const names = listed.split('\n').filter((name) => name !== '' && name !== 'unsafe');
  await run(program, ['install', ...names], options);
}
