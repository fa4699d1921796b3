import { createHash } from 'node:crypto';
import { ThawError } from '../errors.ts';
import type { Fleet } from './fleet.ts';
import type { LiveDatabase } from './live.ts';

const NAME_MAX = 40;
/** What is kept of the parent's name in that of a preview's branch. */
const PARENT_MAX = 16;
const HASH_LENGTH = 6;

/** A preview of an app. The app's name may be given again, so its id counts. */
export interface PreviewOf {
  appId: string;
  app: string;
  branch: string;
}

/**
 * The name of a database that is branched for a preview: those of its parent and the git branch, as far as they fit, and six hex
 * digits that make it another one for each app and branch.
 */
export function previewName(parent: string, { appId, branch }: PreviewOf): string {
  const hash = createHash('sha256').update(`${appId}\0${branch}`).digest('hex').slice(0, HASH_LENGTH);
  const begin = plain(parent.slice(0, PARENT_MAX));
  const kept = plain(branch.slice(0, NAME_MAX).toLowerCase()).slice(0, NAME_MAX - begin.length - HASH_LENGTH - 2);
  return [begin, plain(kept), hash].filter((part) => part !== '').join('-');
}

/** What was branched for previews: of all apps, of one by its id, or that from one database. */
export function branchesFor(
  fleet: Fleet,
  of: { appId?: string | undefined; parent?: LiveDatabase | undefined } = {},
): LiveDatabase[] {
  return fleet.all().filter(({ record, removing }) => {
    if (removing || record.status !== 'ready' || record.preview === null) return false;
    if (of.appId !== undefined && record.preview.appId !== of.appId) return false;
    return of.parent === undefined || isBranchOf(record, of.parent);
  });
}

/**
 * Refuses to remove a database that something stands on.
 *
 * @throws ThawError `conflict` for one that belongs to a preview, that previews have branches of, or that an app has
 */
export async function requireUnneeded(fleet: Fleet, { id, record }: LiveDatabase): Promise<void> {
  const { name, preview } = record;
  if (preview !== null) {
    throw new ThawError(
      'conflict',
      `The database ${name} belongs to the preview ${preview.branch} of ${preview.app}.`,
      {
        hint: `It ends with the preview: delete the branch (\`git push <remote> :${preview.branch}\`), or use \`thaw db detach ${record.parent} ${preview.app} --remove-branches\`.`,
      },
    );
  }
  const children = fleet.all().filter((one) => one.record.preview !== null && isBranchOf(one.record, { record }));
  const [child] = children;
  if (child?.record.preview) {
    const { app } = child.record.preview;
    const count = children.length === 1 ? 'A preview has a branch' : `${children.length} previews have branches`;
    throw new ThawError('conflict', `${count} of the database ${name}, such as ${child.record.name} of ${app}.`, {
      hint: `Delete the git branches, or use \`thaw db detach ${name} ${app} --remove-branches\`; then remove it.`,
    });
  }
  const [attachment] = await fleet.parts.control.databases.attachments({ database: id });
  if (attachment === undefined) return;
  throw new ThawError('conflict', `The app ${attachment.app} has the database ${name} attached.`, {
    hint: `\`thaw db detach ${name} ${attachment.app}\` takes it away; then remove it.`,
  });
}

function isBranchOf(record: LiveDatabase['record'], parent: Pick<LiveDatabase, 'record'>): boolean {
  return record.parent === parent.record.name && record.project === parent.record.project;
}

/** Letters, digits and single hyphens between them. */
function plain(text: string): string {
  return text.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
}
