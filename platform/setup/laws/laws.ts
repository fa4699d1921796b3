/** What the files of one room may import besides their own room, Node's modules and npm packages. */
export interface Law {
  /** Folder (`a/`), files right in a folder (`a/*`) or file that it holds for; of several laws the longest one holds. */
  room: string;
  /** Folders and files whose values and types it may import. */
  may: readonly string[];
  /** Folders and files of which it may import types alone. */
  types?: readonly string[];
  /** Packages that it may not import; `all` = none, nor Node's modules. */
  packages?: readonly string[] | 'all';
  /** Said to whoever breaks it. */
  because: string;
}

const ERRORS = 'platform/errors.ts';
const LOG = 'platform/log.ts';
const CONFIG = 'platform/config.ts';
const BACKUP_PLACE = 'platform/backup-place.ts';
const TURNS = 'platform/turns.ts';
const HOST = 'platform/host/contract.ts';
const CONTROL = 'platform/control/contract.ts';
const LOGS = 'platform/logs/contract.ts';
const SANDBOXES = ['platform/sandboxes/contract.ts', 'platform/sandboxes/records.ts'];
const VOLUMES = ['platform/volumes/contract.ts', 'platform/volumes/records.ts'];
const DATABASES = ['platform/databases/contract.ts', 'platform/databases/records.ts'];
const SDK = 'platform/sdk/';
const MANIFEST = 'package.json';
const EVERYTHING = ['platform/', 'router/', 'builders/', 'runtime-images/', MANIFEST];
const SQL = ['drizzle-orm', 'postgres', '@electric-sql/pglite'];
const HTTP = ['hono', '@hono/node-server', '@hono/zod-openapi'];

/** Nothing imports these: they run as soon as they are loaded. */
export const FRONT_DOORS = /(^|\/)main\.ts$|^platform\/(doctor|probe)\.ts$/;

/** The law of imports. A folder that no law names may not exist. */
export const LAWS: readonly Law[] = [
  {
    room: 'platform/*',
    may: EVERYTHING,
    because: 'the files beside main.ts wire the rooms together',
  },
  { room: ERRORS, may: [], because: 'every room imports it' },
  { room: LOG, may: [], because: 'every room imports it' },
  { room: CONFIG, may: [ERRORS, BACKUP_PLACE], because: 'what it reads is handed to the rooms' },
  {
    room: BACKUP_PLACE,
    may: [ERRORS],
    types: ['platform/databases/backups/open-store.ts'],
    because: 'it is the part of config.ts that reads where backups go',
  },
  { room: TURNS, may: [ERRORS], because: 'rooms import it that know nothing of each other' },
  {
    room: 'platform/host/',
    may: [ERRORS, LOG, TURNS],
    packages: [...SQL, ...HTTP],
    because: 'host knows VMs, disks and networks, and no app, tenant, SQL or HTTP route',
  },
  {
    room: 'platform/control/',
    may: [ERRORS, LOG, HOST, ...SANDBOXES, ...VOLUMES, ...DATABASES],
    packages: HTTP,
    because: 'control sees the Host contract, never what is behind it',
  },
  {
    room: 'platform/api/',
    may: [ERRORS, LOG, HOST, LOGS, ...SANDBOXES, ...VOLUMES, ...DATABASES, 'platform/control/'],
    packages: SQL,
    because: 'the API sees the control plane and the Host contract',
  },
  { room: 'platform/logs/', may: [ERRORS, LOG, HOST], because: 'logs come out of the Host contract' },
  {
    room: 'platform/metrics/',
    may: [],
    types: [HOST],
    packages: [...SQL, ...HTTP],
    because: 'metrics are told what to count and handed what they read',
  },
  {
    room: 'platform/crons/',
    may: [ERRORS, LOG, CONTROL],
    packages: [...SQL, ...HTTP],
    because: 'crons are handed what is scheduled, how to ask an app and where to record it',
  },
  {
    room: 'platform/sandboxes/',
    may: [ERRORS, LOG, HOST, CONTROL, LOGS, 'platform/crons/alarm.ts', 'platform/volumes/contract.ts'],
    packages: [...SQL, ...HTTP],
    because: 'sandboxes stand on the Host contract and are handed where to keep their records',
  },
  {
    room: 'platform/volumes/',
    may: [ERRORS, LOG, HOST, CONTROL],
    packages: [...SQL, ...HTTP],
    because: 'volumes stand on the Host contract and are handed where to keep their records',
  },
  {
    room: 'platform/databases/',
    may: [ERRORS, LOG, HOST, CONTROL],
    packages: [...SQL.filter((name) => name !== 'postgres'), ...HTTP],
    because:
      'databases stand on the Host contract, talk to the Postgres that they started, and are handed where to keep their records',
  },
  {
    room: SDK,
    may: [],
    types: [ERRORS, HOST, CONTROL, LOGS, ...SANDBOXES, ...VOLUMES, ...DATABASES],
    packages: 'all',
    because: 'the SDK runs anywhere: of the platform it has types alone',
  },
  { room: 'platform/cli/', may: [SDK, MANIFEST], because: 'the CLI speaks to the platform only through the SDK' },
  { room: 'platform/dashboard/', may: [SDK], because: 'the dashboard speaks to the platform only through the SDK' },
  {
    room: 'platform/setup/',
    may: [SDK, ERRORS, CONFIG],
    because: 'setup starts programs and speaks to the platform only through the SDK',
  },
  {
    room: 'router/',
    may: [ERRORS, LOG, HOST, CONTROL],
    packages: SQL,
    because: 'the router is handed what it needs and never opens the database',
  },
  {
    room: 'builders/',
    may: [ERRORS, LOG, TURNS, HOST, CONTROL],
    packages: SQL,
    because: 'builders are handed what they need and never open the database',
  },
  { room: 'runtime-images/', may: [ERRORS], because: 'runtime images are made before anything else exists' },
  { room: 'runtime-images/main.ts', may: ['runtime-images/', ERRORS, CONFIG], because: 'it is a front door' },
  { room: 'bench/', may: [...EVERYTHING, 'test/fixtures/'], because: 'it measures the rooms' },
  { room: 'test/', may: [...EVERYTHING, 'bench/', 'examples/'], because: 'it tests the rooms' },
  { room: 'examples/', may: [], because: 'an example is a repository of its own' },
];
