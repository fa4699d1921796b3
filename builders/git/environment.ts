/** Where git and the tools it starts are on every distribution. */
const PATH = '/usr/local/bin:/usr/bin:/bin';

/** Flaws of old histories that harm nobody. */
const FORGIVEN = [
  'zeroPaddedFilemode',
  'missingSpaceBeforeDate',
  'badTimezone',
  'missingEmail',
  'missingNameBeforeEmail',
];

/**
 * The environment of every git process: built from nothing, so that neither the server's own environment nor a
 * configuration file of the machine has a say. Settings are in it and not in the repositories, so that they hold for
 * all of them at once.
 *
 * @param settings git configuration, e.g. `{ 'gc.auto': '0' }`
 */
export function gitEnvironment(settings: Record<string, string> = {}): Record<string, string> {
  const all = { 'safe.directory': '*', ...settings };
  const environment: Record<string, string> = {
    PATH,
    HOME: '/nonexistent',
    LANG: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(Object.keys(all).length),
  };
  for (const [index, [key, value]] of Object.entries(all).entries()) {
    environment[`GIT_CONFIG_KEY_${index}`] = key;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return environment;
}

/**
 * How repositories receive and serve.
 *
 * @param hooks absolute path of the directory with our hooks
 * @param maxPackBytes largest pack that is taken
 */
export function serverSettings(hooks: string, maxPackBytes: number): Record<string, string> {
  return {
    'core.hooksPath': hooks,
    'core.fsync': 'all',
    // Larger files go through in pieces instead of through memory.
    'core.bigFileThreshold': '16m',
    'http.getanyfile': 'false',
    'http.receivepack': 'true',
    'http.uploadpack': 'true',
    'receive.fsckObjects': 'true',
    ...Object.fromEntries(FORGIVEN.map((flaw) => [`receive.fsck.${flaw}`, 'warn'])),
    'receive.maxInputSize': String(maxPackBytes),
    'receive.denyNonFastForwards': 'false',
    // The hook decides about deletions: a preview may go, production may not.
    'receive.denyDeletes': 'false',
    'receive.autogc': 'false',
    'gc.auto': '0',
    'transfer.hideRefs': 'refs/thaw',
    'uploadpack.allowAnySHA1InWant': 'false',
  };
}
