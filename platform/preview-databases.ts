import { type App, type Control, type Deployment, PRODUCTION_BRANCH } from './control/contract.ts';
import { databaseValues, removeValues } from './database-values.ts';
import type { DatabaseAttachment } from './databases/contract.ts';
import type { Databases, PreviewDatabase } from './databases/databases.ts';
import { ThawError, toThawError } from './errors.ts';
import type { Log } from './log.ts';

export interface PreviewDatabasesParts {
  control: Pick<Control, 'apps' | 'databases' | 'deployments' | 'environment' | 'releases'>;
  databases: Pick<Databases, 'branchFor' | 'ofPreviews' | 'removeOf' | 'urls'>;
  log: Log;
}

/**
 * A branch of an app's database for each of its previews. It is there before the preview's first deployment, whose environment
 * names it, and goes when nothing is in front of the git branch any more: what is in front decides, so it does not matter
 * where a server ended.
 */
export class PreviewDatabases {
  readonly #parts: PreviewDatabasesParts;

  constructor(parts: PreviewDatabasesParts) {
    this.#parts = parts;
  }

  /**
   * Sees to it that a preview has what its app's attachment says. To be called by who has the app's turn, before a deployment
   * takes its environment.
   *
   * @throws ThawError why it gets no branch, and what to do
   */
  async begin(app: App, branch: string, report: (line: string) => void, signal: AbortSignal): Promise<void> {
    const { control, databases } = this.#parts;
    if (branch === PRODUCTION_BRANCH) return;
    const all = await control.databases.attachments({ app: app.id });
    const attachment = all.find(({ target, branches }) => target === 'preview' && branches);
    if (attachment === undefined) return;
    const entries = await control.environment.list(app.name);
    const own = entries.flatMap(({ name, target }) =>
      typeof target === 'object' && target.branch === branch ? [name] : [],
    );
    let known = this.#of(app.id, branch);
    if (known === undefined && own.includes('DATABASE_URL')) {
      report(`${branch} has a DATABASE_URL of its own, and gets no branch of ${attachment.database}`);
      return;
    }
    known ??= await this.#make(app, branch, attachment, report, signal);
    const values = databaseValues(databases.urls(app.project, known.name));
    // What somebody set for the branch alone wins.
    const missing = Object.entries(values).filter(([name]) => !own.includes(name));
    if (missing.length > 0) await control.environment.change(app.name, { branch }, Object.fromEntries(missing));
  }

  /** Ends the database of a preview that has nothing in front. To be called by who has the app's turn. */
  async settle(app: Pick<App, 'id' | 'name'>, branch: string): Promise<void> {
    const known = this.#of(app.id, branch);
    if (known !== undefined) await this.#endUnlessInFront([known]);
  }

  /** Ends those of an app that is gone. */
  async forget(app: string): Promise<void> {
    await this.#endUnlessInFront(this.#parts.databases.ofPreviews({ appId: app }));
  }

  /** Ends what belongs to no preview after the server ended at any instant. Refs and releases have to agree by then. */
  async reconcile(): Promise<void> {
    await this.#endUnlessInFront(this.#parts.databases.ofPreviews());
  }

  /** Ends databases of previews, with their data. */
  async end(all: PreviewDatabase[]): Promise<void> {
    const { control, databases, log } = this.#parts;
    for (const one of all) {
      const { app, branch } = one.preview;
      // First the values: a database without them goes at the next start, values without a database would stay.
      await removeValues(control, app, { branch }, databaseValues(databases.urls(one.project, one.name)));
      await databases.removeOf(one);
      log.info({ app, branch, database: one.name }, 'the database of a preview was removed');
    }
  }

  /**
   * Refuses to put a deployment in front of another branch than its own when it runs with a database that ends with that.
   *
   * @throws ThawError `conflict`
   */
  async requireMovable({ id, app, branch }: Pick<Deployment, 'id' | 'app' | 'branch'>, to: string): Promise<void> {
    const { control, databases } = this.#parts;
    if (branch === to) return;
    const { id: appId } = await control.apps.get(app, null);
    const known = this.#of(appId, branch);
    if (known === undefined) return;
    const has = Object.values(await control.deployments.environment(id));
    if (!Object.values(databaseValues(databases.urls(known.project, known.name))).some((url) => has.includes(url)))
      return;
    throw new ThawError(
      'conflict',
      `Deployment ${id} runs with ${known.name}, the database of the preview ${branch}.`,
      {
        hint: `It ends with the preview. Push the commit to ${to}: it is not built again, and gets the values of ${to}.`,
      },
    );
  }

  #of(appId: string, branch: string): PreviewDatabase | undefined {
    return this.#parts.databases.ofPreviews({ appId }).find(({ preview }) => preview.branch === branch);
  }

  async #make(
    app: App,
    branch: string,
    { database }: DatabaseAttachment,
    report: (line: string) => void,
    signal: AbortSignal,
  ): Promise<PreviewDatabase> {
    const preview = { appId: app.id, app: app.name, branch };
    try {
      const made = await this.#parts.databases.branchFor(preview, app.project, database, signal);
      report(`Branched the database ${database} into ${made.name}`);
      return { ...made, preview };
    } catch (caught) {
      signal.throwIfAborted();
      const { code, message, hint, limit, cause } = toThawError(caught);
      throw new ThawError(code, `The preview ${branch} gets no branch of the database ${database}. ${message}`, {
        hint: `${hint === undefined ? '' : `${hint} `}Deleting git branches ends their previews with their databases; \`thaw db detach ${database} ${app.name}\` lets previews do without.`,
        ...(limit === undefined ? {} : { limit }),
        cause,
      });
    }
  }

  /** What cannot be ended now goes at the next start. */
  async #endUnlessInFront(all: PreviewDatabase[]): Promise<void> {
    for (const one of all) {
      try {
        if (!(await this.#isInFront(one.preview))) await this.end([one]);
      } catch (err) {
        this.#parts.log.warn({ database: one.name, err }, 'the database of a preview is left');
      }
    }
  }

  async #isInFront({ appId, app, branch }: PreviewDatabase['preview']): Promise<boolean> {
    const { apps, releases } = this.#parts.control;
    const there = (await apps.list(null)).some(({ id }) => id === appId);
    return there && (await releases.current(app, branch)) !== undefined;
  }
}
