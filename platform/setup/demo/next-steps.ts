import type { Config } from '../../config.ts';
import { credentialHelper } from './repository.ts';
import type { Server } from './server.ts';

interface Shown {
  app: string;
  url: string;
  config: Config;
  server: Server;
  keyFile: string;
}

/** Commands to try, as text. */
export function nextSteps({ app, url, config, server, keyFile }: Shown): string {
  return [
    `  curl -i '${url}?name=you'`,
    '  npx thaw ps                  what runs',
    `  npx thaw logs ${app}          what it wrote`,
    `  npx thaw releases ${app}      what was released`,
    '  npx thaw doctor              what this machine has and lacks',
    '',
    'A function of your own, in a git repository with an index.ts, index.js or index.mjs:',
    `  git config credential.helper '${credentialHelper(keyFile)}'`,
    `  git push ${server.url}/git/my-app.git main`,
    '',
    ...settings(config),
    server.pid === undefined
      ? `Its log may be ${server.log}.`
      : `Stop it with: kill ${server.pid}    Log: ${server.log}`,
  ].join('\n');
}

/** What other commands have to know, where it is not the default. */
function settings({ data, api }: Config): string[] {
  const differing = [
    ...(data === '/var/lib/thaw' ? [] : [`THAW_DATA=${data}`]),
    ...(api.host === '127.0.0.1' && api.port === 7070 ? [] : [`THAW_API=${api.host}:${api.port}`]),
  ];
  return differing.length === 0 ? [] : [`First, for these commands:\n  export ${differing.join(' ')}`, ''];
}
