import { join } from 'node:path';

/** What the surroundings of the process say; read once, here alone. */
export interface Environment {
  /** Address of the API. */
  url: string;
  /** Key that was set on purpose. */
  apiKey: string | undefined;
  /** Where a server on this machine keeps its admin key. */
  adminKeyFile: string;
  /** Show causes and stacks of failures. */
  debug: boolean;
  /** Kind of the user's terminal, for programs that run elsewhere. */
  term: string;
  /** How many colours it has, where it says so. */
  colorTerm: string | undefined;
  /** The user wants no colours. */
  noColor: boolean;
  /** There is a screen that a browser could open on. */
  display: boolean;
  /** The whole environment, for a server that takes this process over. */
  all: Record<string, string>;
  /** The same without what git sets for its hooks, which would make it list another repository. */
  withoutGit: Record<string, string>;
}

export function readEnvironment(env: Record<string, string | undefined> = process.env): Environment {
  const all = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const set = (name: string): string | undefined => all[name] || undefined;
  // A server started from the same shell listens where THAW_API says.
  const listen = set('THAW_API') ?? '127.0.0.1:7070';
  return {
    url: set('THAW_URL') ?? `http://${listen}`,
    apiKey: set('THAW_API_KEY'),
    adminKeyFile: join(set('THAW_DATA') ?? '/var/lib/thaw', 'admin.key'),
    debug: set('THAW_DEBUG') === '1',
    term: set('TERM') ?? 'xterm',
    colorTerm: set('COLORTERM'),
    noColor: set('NO_COLOR') !== undefined,
    display: set('DISPLAY') !== undefined || set('WAYLAND_DISPLAY') !== undefined,
    all,
    withoutGit: Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith('GIT_'))),
  };
}
