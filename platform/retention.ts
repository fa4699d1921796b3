import type { Control, Deployment } from './control/contract.ts';
import type { Host } from './host/contract.ts';
import type { Log } from './log.ts';

/** Between two looks; what is too much for an hour does no harm. */
const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface RetentionParts {
  control: Pick<Control, 'deployments'>;
  host: Pick<Host, 'removeTemplate'>;
  /** Newest deployments of each app whose templates stay. The template of an older one is baked again when it is called for. */
  keepTemplates: number;
  /** Newest deployments of each app that stay. */
  keepDeployments: number;
  /** Days that a deployment stays whatever its place. */
  keepDays: number;
  log: Log;
}

/**
 * Lets go of what old deployments take on disk: first their templates, later themselves. What is in front of a branch
 * always stays.
 */
export class Retention implements AsyncDisposable {
  readonly #parts: RetentionParts;
  #timer: NodeJS.Timeout | undefined;
  #running = Promise.resolve();

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  /** Looks now, and then every hour. */
  begin(): void {
    const look = () => {
      this.#running = this.run().catch((err: unknown) =>
        this.#parts.log.warn({ err }, 'old deployments could not be removed'),
      );
    };
    look();
    this.#timer = setInterval(look, EVERY_MS).unref();
  }

  async run(): Promise<void> {
    const { control, keepTemplates, keepDeployments, keepDays } = this.#parts;
    const { deployments } = control;
    for (const { id } of await deployments.expired({ keep: keepDeployments, olderThanMs: keepDays * DAY_MS })) {
      await this.#free(id, 'an old deployment was removed', () => deployments.remove(id));
    }
    for (const old of await deployments.expired({ keep: keepTemplates, olderThanMs: DAY_MS })) {
      if (hasTemplate(old))
        await this.#free(old.id, 'the template of an old deployment was removed', () =>
          deployments.forgetTemplate(old.id),
        );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  /** One that was put in front meanwhile stays, and is no reason to leave the others. */
  async #free(deployment: string, what: string, forget: () => Promise<{ templates: string[] }>): Promise<void> {
    const { host, log } = this.#parts;
    try {
      const { templates } = await forget();
      for (const template of templates) await host.removeTemplate(template);
      log.info({ deployment, templates }, what);
    } catch (err) {
      log.debug({ deployment, err }, 'an old deployment stays');
    }
  }
}

function hasTemplate({ status, template }: Deployment): boolean {
  return status === 'ready' && template !== null;
}
