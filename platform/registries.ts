import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ThawError } from './errors.ts';

/** Where builds get packages from: what this machine's own tools are set up with, else the public registries. */
export interface Registries {
  npm: URL;
  /** Index of Python's packages. */
  pip: URL;
  go: { GOPROXY: string; GOSUMDB: string; GONOSUMDB: string };
  /** Host names that builds have to reach for them. */
  hosts: string[];
}

const PYPI = 'https://pypi.org/simple';
/** Where the public index keeps the files that it lists. */
const PYPI_FILES = 'files.pythonhosted.org';
const GO_DEFAULTS = { GOPROXY: 'https://proxy.golang.org', GOSUMDB: 'sum.golang.org', GONOSUMDB: '' };

/**
 * @param chosen what the operator has set; credentials in it are passed on, those of the machine's own tools are not
 */
export async function readRegistries(chosen: {
  pipIndex: string | undefined;
  goProxy: string | undefined;
}): Promise<Registries> {
  const npm = withoutCredentials(await npmRegistry());
  const pip =
    chosen.pipIndex === undefined
      ? withoutCredentials(await pipIndex())
      : address('THAW_BUILD_PIP_INDEX', chosen.pipIndex);
  const go = await goSettings();
  if (chosen.goProxy !== undefined) go.GOPROXY = chosen.goProxy;
  const proxies = go.GOPROXY.split(/[,|]/).flatMap((text) => URL.parse(text) ?? []);
  const sums = go.GOSUMDB === 'off' ? [] : [go.GOSUMDB.split(/[+ ]/)[0] ?? ''];
  const hosts = [npm.hostname, pip.hostname, ...proxies.map(({ hostname }) => hostname), ...sums];
  if (pip.hostname === 'pypi.org') hosts.push(PYPI_FILES);
  return { npm, pip, go, hosts: [...new Set(hosts.filter((host) => host !== ''))] };
}

async function npmRegistry(): Promise<URL> {
  const text = await ask('npm', ['config', 'get', 'registry']);
  if (text === undefined) {
    throw new ThawError('misconfigured', 'npm could not be asked for its registry.', {
      hint: 'Install npm, or put it on the PATH of the server.',
    });
  }
  return address('npm', text);
}

/** A machine without pip has its index nowhere else. */
async function pipIndex(): Promise<URL> {
  const text = await ask('pip3', ['config', 'get', 'global.index-url']);
  return URL.parse(text ?? '') ?? new URL(PYPI);
}

async function goSettings(): Promise<Registries['go']> {
  const text = await ask('go', ['env', '-json', ...Object.keys(GO_DEFAULTS)]);
  const told: unknown = text === undefined ? {} : JSON.parse(text);
  const settings = { ...GO_DEFAULTS, ...(told as Partial<Registries['go']>) };
  settings.GOPROXY = settings.GOPROXY.split(',')
    .filter((one) => one !== 'direct') // A build reaches the registries and nothing else.
    .map((one) => URL.parse(one))
    .flatMap((url) => (url === null ? [] : withoutCredentials(url).href.replace(/\/$/, '')))
    .join(',');
  if (settings.GOPROXY === '') settings.GOPROXY = GO_DEFAULTS.GOPROXY;
  return settings;
}

async function ask(program: string, args: string[]): Promise<string | undefined> {
  const answer = await promisify(execFile)(program, args, { cwd: '/' }).catch(() => undefined);
  return answer?.stdout.trim();
}

function address(whose: string, text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new ThawError('misconfigured', `${whose} names a registry that is no URL: ${text}`);
  return url;
}

function withoutCredentials(url: URL): URL {
  url.username = '';
  url.password = '';
  return url;
}
