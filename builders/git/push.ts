import { randomBytes } from 'node:crypto';
import { normalize, sep } from 'node:path';
import { type App, type Deployment, PRODUCTION_BRANCH } from '../../platform/control/contract.ts';
import { ThawError, toThawError } from '../../platform/errors.ts';
import type { AppTurn } from '../app-lock.ts';
import type { Handover, Report } from '../contract.ts';
import { ANOTHER_IS_RUNNING, releaseOf } from '../deploy.ts';
import { handOver } from '../hand-over.ts';
import type { PipelineParts } from '../parts.ts';
import { discard, prepare } from '../prepare.ts';
import { archive, git } from './git.ts';
import { NO_OBJECT, type RefUpdate } from './hook-protocol.ts';
import type { Repositories } from './repositories.ts';

const BRANCHES = 'refs/heads/';
const TAGS = 'refs/tags/';
/** Branches that one push may build; each costs a build. */
const MOST_BRANCHES = 10;
const BROKEN_OFF = 'The push was broken off before git had taken it.';

export interface PushParts extends PipelineParts {
  repositories: Repositories;
}

/**
 * One `git push` to one app, from git's first word to the end of its process:
 *
 *   pre-receive    waits for its turn, builds and bakes each branch; its deployments are ready, the refs unmoved
 *   (git moves the refs)
 *   post-receive   releases them
 *   end            whatever was not reached above is decided by where the refs are now
 */
export class Push {
  /** Names this push to its hooks. */
  readonly token = randomBytes(24).toString('hex');
  readonly #parts: PushParts;
  readonly #app: App;
  readonly #ready: { deployment: Deployment; handover: Handover | undefined }[] = [];
  #turn: AppTurn | undefined;
  #hook: Promise<unknown> = Promise.resolve();

  constructor(parts: PushParts, app: App) {
    this.#parts = parts;
    this.#app = app;
  }

  /** @param quarantine where git keeps the pushed objects. @throws ThawError: the push is refused */
  preReceive(refs: RefUpdate[], quarantine: string | undefined, report: Report, signal: AbortSignal): Promise<void> {
    return this.#during(async () => {
      const { lock } = this.#parts;
      const updates = branchUpdates(refs);
      const objects = this.#inside(quarantine);
      this.#turn ??= await lock.acquire(this.#app.id, () => report(ANOTHER_IS_RUNNING), signal);
      await this.#refuseMoved(updates);
      const pushed = updates.filter(({ commit }) => commit !== NO_OBJECT);
      try {
        for (const { branch, commit } of pushed) {
          if (updates.length > 1) report(`${branch}:`);
          await this.#prepare(branch, commit, objects, report, this.#turn.signal);
        }
      } catch (error) {
        // None of the branches moves.
        await this.#settle(pushed);
        throw error;
      }
    });
  }

  /** The refs have moved. */
  postReceive(refs: RefUpdate[], report: Report): Promise<void> {
    return this.#during(async () => {
      const { control, url } = this.#parts;
      for (const { branch, commit } of branchUpdates(refs)) {
        if (commit === NO_OBJECT) {
          await control.releases.endBranch(this.#app.name, branch);
          await this.#settle([{ branch }]);
          report(`The preview of ${branch} has ended`);
          continue;
        }
        const at = this.#ready.findIndex(({ deployment: of }) => of.branch === branch && of.commit === commit);
        const [ready] = at < 0 ? [] : this.#ready.splice(at, 1);
        if (ready === undefined) continue;
        await releaseOf(this.#parts, ready.deployment, 'push', ready.handover);
        report(url(this.#app.name, branch));
      }
    });
  }

  /** Git is gone: what is still open follows the refs, then the next push may begin. */
  async end(): Promise<void> {
    await this.#hook.catch(() => {});
    try {
      if (this.#ready.length > 0) await this.#followRefs();
    } finally {
      this.#turn?.[Symbol.dispose]();
    }
  }

  #during<T>(work: () => Promise<T>): Promise<T> {
    const running = work();
    this.#hook = running;
    return running;
  }

  async #prepare(
    branch: string,
    commit: string,
    quarantine: string | undefined,
    report: Report,
    signal: AbortSignal,
  ): Promise<void> {
    const { repositories } = this.#parts;
    const where = { cwd: repositories.path(this.#app.id), quarantine, signal };
    await git(['cat-file', 'commit', commit], where).catch((cause: unknown) => {
      throw new ThawError('invalid_input', `What was pushed to ${branch} is no commit.`, { cause });
    });
    const request = { app: this.#app, branch, commit, source: () => archive(commit, where) };
    const deployment = await prepare(this.#parts, request, report, signal);
    // Only here can a push still be refused because the code does not start with its volumes.
    const early = deployment.run?.mounts !== undefined;
    if (early) report('Starting, with its volumes');
    this.#ready.push({ deployment, handover: early ? await handOver(this.#parts, deployment) : undefined });
  }

  /** The refs may have moved while this push waited for its turn; git would find out only after the build. */
  async #refuseMoved(updates: BranchUpdate[]): Promise<void> {
    const branches = await this.#parts.repositories.branches(this.#app.id);
    for (const { branch, old } of updates) {
      if ((branches.get(branch) ?? NO_OBJECT) === old) continue;
      throw new ThawError('conflict', `${branch} was moved by another push meanwhile.`, {
        hint: 'Fetch it, then push again.',
      });
    }
  }

  async #followRefs(): Promise<void> {
    const branches = await this.#parts.repositories.branches(this.#app.id);
    for (const { deployment, handover } of this.#ready.splice(0)) {
      const moved = branches.get(deployment.branch) === deployment.commit;
      const settling = moved
        ? releaseOf(this.#parts, deployment, 'push', handover)
        : Promise.resolve(handover?.[Symbol.asyncDispose]()).then(() => discard(this.#parts, deployment, BROKEN_OFF));
      await settling.catch((error: unknown) => {
        this.#parts.log.error(
          { deployment: deployment.id, err: toThawError(error).cause ?? error },
          'push not settled',
        );
      });
      await this.#settle([deployment]);
    }
  }

  async #settle(branches: { branch: string }[]): Promise<void> {
    for (const { branch } of branches) await this.#parts.previews?.settle(this.#app, branch);
  }

  /** What a hook says is believed only as far as it stays in the repository. */
  #inside(quarantine: string | undefined): string | undefined {
    if (quarantine === undefined) return undefined;
    const objects = `${this.#parts.repositories.path(this.#app.id)}${sep}objects${sep}`;
    const path = normalize(quarantine);
    if (path.startsWith(objects) && !path.slice(objects.length).includes(sep)) return path;
    throw new ThawError('forbidden', 'The quarantine of this push is not in its repository.');
  }
}

interface BranchUpdate {
  branch: string;
  old: string;
  commit: string;
}

/** The branches of a push; tags are only kept. @throws ThawError for what is not taken */
function branchUpdates(refs: RefUpdate[]): BranchUpdate[] {
  const updates: BranchUpdate[] = [];
  for (const { ref, old, new: commit } of refs) {
    if (ref.startsWith(TAGS)) continue;
    if (!ref.startsWith(BRANCHES)) {
      throw new ThawError('invalid_input', `${ref} is neither a branch nor a tag; nothing else is taken.`);
    }
    const branch = ref.slice(BRANCHES.length);
    if (commit === NO_OBJECT && branch === PRODUCTION_BRANCH) {
      throw new ThawError('invalid_input', `${PRODUCTION_BRANCH} is the app itself and cannot be deleted.`, {
        hint: 'Remove the app to take it away.',
      });
    }
    updates.push({ branch, old, commit });
  }
  if (updates.length > MOST_BRANCHES) {
    throw new ThawError(
      'invalid_input',
      `This push moves ${updates.length} branches; at most ${MOST_BRANCHES} are built at once.`,
    );
  }
  return updates;
}
