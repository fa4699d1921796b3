import type { App, Control, EnvironmentTarget } from './control/contract.ts';
import { databaseValues, removeValues } from './database-values.ts';
import type { DatabaseAttachment } from './databases/contract.ts';
import type { Databases } from './databases/databases.ts';
import { ThawError } from './errors.ts';
import type { PreviewDatabases } from './preview-databases.ts';

export interface AttachedDatabasesParts {
  control: Pick<Control, 'databases' | 'environment' | 'releases'>;
  databases: Pick<Databases, 'get' | 'ofPreviews' | 'urls'>;
  previews: Pick<PreviewDatabases, 'end'>;
}

/** Databases in the environments of apps. */
export class AttachedDatabases {
  readonly #parts: AttachedDatabasesParts;

  constructor(parts: AttachedDatabasesParts) {
    this.#parts = parts;
  }

  /** @throws ThawError `not_found` */
  list(project: string, name: string): Promise<DatabaseAttachment[]> {
    const { control, databases } = this.#parts;
    return control.databases.attachments({ database: databases.get(project, name).id });
  }

  /**
   * Puts the URLs of a database into the environment of an app or its previews; with `branches`, has each preview get a branch
   * from its next deployment on. It takes the place of the database that was attached there before.
   *
   * @returns the previews that are to be deployed again for it though their environment is what it was
   * @throws ThawError `not_found`; `conflict` for a database of a preview, and when previews have branches of the one that
   *   would be replaced
   */
  async attach(
    project: string,
    name: string,
    { app, target, branches }: { app: App; target: 'production' | 'preview'; branches: boolean },
  ): Promise<string[]> {
    const { control, databases } = this.#parts;
    const { id, preview, parent } = databases.get(project, name);
    if (preview !== null) {
      throw new ThawError(
        'conflict',
        `The database ${name} belongs to the preview ${preview.branch} of ${preview.app}.`,
        {
          hint: `It ends with the preview. Attach ${parent}, or a branch that \`thaw db branch\` makes.`,
        },
      );
    }
    const all = await control.databases.attachments({ app: app.id });
    const before = all.find((one) => one.target === target);
    const other = before !== undefined && (before.database !== name || before.branches !== branches);
    if (other && before.branches) this.#requireNoBranches(app, before.database, name);
    await control.databases.attach(id, { app: app.name, target, branches });
    // Each preview has values of its own then; those of the database before would stay for a branch without any.
    if (other) await removeValues(control, app.name, target, databaseValues(databases.urls(project, before.database)));
    if (!branches) {
      await control.environment.change(app.name, target, databaseValues(databases.urls(project, name)));
      return [];
    }
    const have = new Set(databases.ofPreviews({ appId: app.id }).map(({ preview }) => preview.branch));
    const inFront = await control.releases.inFront(app.name);
    return inFront.flatMap(({ branch }) => (have.has(branch) ? [] : [branch]));
  }

  /**
   * Takes a database out of the environment of an app and its previews.
   *
   * @param removeBranches those that previews have of it go too, once nothing runs with them
   * @returns the targets that it was in, and what to call when they are deployed without it
   * @throws ThawError `not_found` when it is not attached, `conflict` when previews have branches of it
   */
  async detach(
    project: string,
    name: string,
    app: App,
    { removeBranches }: { removeBranches: boolean },
  ): Promise<{ targets: ('production' | 'preview')[]; finish(): Promise<void> }> {
    const { control, databases, previews } = this.#parts;
    const { id } = databases.get(project, name);
    const attachments = (await control.databases.attachments({ database: id })).filter((one) => one.app === app.name);
    const branches = databases.ofPreviews({ appId: app.id, parent: { project, name } });
    if (attachments.length === 0 && branches.length === 0) {
      throw new ThawError('not_found', `The app ${app.name} does not have the database ${name} attached.`, {
        hint: '`thaw db info` shows which apps have a database.',
      });
    }
    if (!removeBranches) this.#requireNoBranches(app, name);
    await control.databases.detach(id, app.name);
    const places: [EnvironmentTarget, string][] = [
      ...attachments.map(({ target }): [EnvironmentTarget, string] => [target, name]),
      ...branches.map(({ preview, name: own }): [EnvironmentTarget, string] => [{ branch: preview.branch }, own]),
    ];
    for (const [target, of] of places) {
      await removeValues(control, app.name, target, databaseValues(databases.urls(project, of)));
    }
    const targets = new Set(attachments.map(({ target }) => target));
    if (branches.length > 0) targets.add('preview');
    return { targets: [...targets], finish: () => previews.end(branches) };
  }

  /** @throws ThawError `conflict` */
  #requireNoBranches(app: App, parent: string, instead?: string): void {
    const found = this.#parts.databases.ofPreviews({ appId: app.id, parent: { project: app.project, name: parent } });
    const [one] = found;
    if (one === undefined) return;
    const first = instead === undefined ? '' : ', then attach again';
    const previews = found.length === 1 ? 'A preview has a branch' : `${found.length} previews have branches`;
    throw new ThawError(
      'conflict',
      `${previews} of ${parent}: ${found.map(({ preview }) => preview.branch).join(', ')}.`,
      {
        hint: `Delete these git branches, or use \`thaw db detach ${parent} ${app.name} --remove-branches\`, which removes their databases with their data${first}.`,
      },
    );
  }
}
