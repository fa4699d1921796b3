import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ThawError } from './errors.ts';

/** Where builds get packages from: what this machine's own tools are set up with, else the public registries. */
export interface Registries {
  npm: URL;
  /** Index of Python's packages. */
  pip: URL;
  go: GoSettings;
  /** Host names that builds have to reach for them. */
  hosts: string[];
}

/** As `go env` names them. */
type GoSettings = {
  /** Proxies alone, or `off`: a build reaches the registries and no repository. */
  GOPROXY: string;
  GOSUMDB: string;
  GONOSUMDB: string;
};

/** What the operator has set. Credentials in it are passed on; those of the machine's own tools are not. */
export interface ChosenRegistries {
  pipIndex: string | undefined;
  goProxy: string | undefined;
}

/** Runs a tool and answers what it writes; undefined when it is not there or fails. */
export type Ask = (program: string, args: string[]) => Promise<string | undefined>;

const PYPI = 'https://pypi.org/simple';
/** Where the public index keeps the files that it lists. */
const PYPI_FILES = 'files.pythonhosted.org';
const GO_DEFAULTS: GoSettings = { GOPROXY: 'https://proxy.golang.org', GOSUMDB: 'sum.golang.org', GONOSUMDB: '' };
/** In the order in which pip goes by them. */
const PIP_KEYS = [':env:', 'install', 'global'].map((section) => `${section}.index-url`);

/** @throws ThawError `misconfigured` when npm is not there, or an address is none */
export async function readRegistries(chosen: ChosenRegistries, ask: Ask = askProgram): Promise<Registries> {
  const npm = await npmRegistry(ask);
  const pip = chosen.pipIndex === undefined ? await pipIndex(ask) : address('THAW_BUILD_PIP_INDEX', chosen.pipIndex);
  const go = await goSettings(ask);
  if (chosen.goProxy !== undefined) go.GOPROXY = chosen.goProxy;
  const hosts = [npm.hostname, pip.hostname, ...proxiesOf(go.GOPROXY).map(({ hostname }) => hostname), sumHost(go)];
  if (pip.hostname === new URL(PYPI).hostname) hosts.push(PYPI_FILES);
  return { npm, pip, go, hosts: [...new Set(hosts.filter((host) => host !== ''))] };
}

async function npmRegistry(ask: Ask): Promise<URL> {
  const text = await ask('npm', ['config', 'get', 'registry']);
  if (text === undefined) {
    throw new ThawError('misconfigured', 'npm could not be asked for its registry.', {
      hint: 'Install npm, or put it on the PATH of the server.',
    });
  }
  return withoutCredentials(address('npm', text));
}

/** A machine without pip may still have its settings, but nothing that reads them. */
async function pipIndex(ask: Ask): Promise<URL> {
  const listed = (await ask('pip3', ['config', 'list'])) ?? '';
  for (const key of PIP_KEYS) {
    const line = listed.split('\n').find((one) => one.startsWith(`${key}=`));
    const text = line?.slice(key.length + 1).replace(/^'(.*)'$/, '$1');
    if (text !== undefined) return withoutCredentials(address('pip', text));
  }
  return new URL(PYPI);
}

async function goSettings(ask: Ask): Promise<GoSettings> {
  const text = await ask('go', ['env', '-json', ...Object.keys(GO_DEFAULTS)]);
  const told: Partial<GoSettings> = text === undefined ? {} : JSON.parse(text);
  const settings = { ...GO_DEFAULTS, ...told };
  if (settings.GOPROXY === 'off') return settings;
  const proxies = proxiesOf(settings.GOPROXY).map((url) => withoutCredentials(url).href.replace(/\/$/, ''));
  return { ...settings, GOPROXY: proxies.join(',') || GO_DEFAULTS.GOPROXY };
}

/** `direct` and files of this machine are none. */
function proxiesOf(goProxy: string): URL[] {
  return goProxy.split(/[,|]/).flatMap((text) => webAddress(text) ?? []);
}

/** `GOSUMDB` is `off`, or a name with perhaps a key behind it and perhaps an address of its own. */
function sumHost({ GOSUMDB }: GoSettings): string {
  const [name = '', at] = GOSUMDB.split(' ');
  if (name === 'off') return '';
  return at === undefined ? (name.split('+')[0] ?? '') : address('GOSUMDB', at).hostname;
}

const askProgram: Ask = async (program, args) => {
  const answer = await promisify(execFile)(program, args, { cwd: '/' }).catch(() => undefined);
  return answer?.stdout.trim();
};

/** Its text is not shown: there may be a password in it. */
function address(whose: string, text: string): URL {
  const url = webAddress(text);
  if (url) return url;
  throw new ThawError('misconfigured', `The address of the registry that ${whose} names is no URL.`, {
    hint: 'It begins with https://',
  });
}

function webAddress(text: string): URL | undefined {
  const url = URL.parse(text.trim());
  return url !== null && /^https?:$/.test(url.protocol) ? url : undefined;
}

function withoutCredentials(url: URL): URL {
  url.username = '';
  url.password = '';
  return url;
}
