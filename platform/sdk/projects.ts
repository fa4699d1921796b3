import type { ProjectUsage as Counted, Project, ProjectLimits } from '../control/contract.ts';
import type { CallOptions, Transport } from './transport.ts';

export type { Project, ProjectLimits } from '../control/contract.ts';

/** What a project has used. */
export interface ProjectUsage extends Counted {
  /** Of repositories, artifacts, templates and kept installs. */
  diskMiB: number;
  /** Of all databases that are awake now. */
  databaseMemoryMiB: number;
}

/** Projects: the tenant boundary. */
export class Projects {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The projects that the key may see. */
  async list(options: CallOptions = {}): Promise<Project[]> {
    const answer = await this.#transport.json<{ projects: Project[] }>({ ...options, path: ['v1', 'projects'] });
    return answer.projects;
  }

  /** Makes a project; needs an admin key. */
  async create(name: string, options: CallOptions = {}): Promise<Project> {
    return await this.#transport.json({ ...options, method: 'POST', path: ['v1', 'projects'], json: { name } });
  }

  /** How much a project may have, and what it has used; null = no limit. */
  async limits(name: string, options: CallOptions = {}): Promise<{ limits: ProjectLimits; usage: ProjectUsage }> {
    return await this.#transport.json({ ...options, path: ['v1', 'projects', name, 'limits'] });
  }

  /** Sets the limits that are named; the others stay. Needs an admin key. */
  async setLimits(
    name: string,
    change: Partial<ProjectLimits>,
    options: CallOptions = {},
  ): Promise<{ limits: ProjectLimits; usage: ProjectUsage }> {
    const path = ['v1', 'projects', name, 'limits'];
    return await this.#transport.json({ ...options, method: 'PATCH', path, json: change });
  }
}
