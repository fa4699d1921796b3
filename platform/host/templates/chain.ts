import { join } from 'node:path';
import { ThawError } from '../../errors.ts';
import type { ImageSet } from '../parts.ts';
import type { VmmIdentity } from '../vmm/contract.ts';
import { dependenciesNow, differences, TEMPLATE_FILES } from './manifest.ts';
import type { StoredTemplate, TemplateStore } from './store.ts';

/**
 * Finds templates across stores and tells whether they can be loaded here and now.
 */
export class TemplateCatalogue {
  readonly #stores: TemplateStore[];
  readonly #identity: VmmIdentity;
  readonly #set: ImageSet;

  constructor(stores: TemplateStore[], identity: VmmIdentity, set: ImageSet) {
    this.#stores = stores;
    this.#identity = identity;
    this.#set = set;
  }

  find(id: string): StoredTemplate | undefined {
    for (const store of this.#stores) {
      const found = store.get(id);
      if (found) return found;
    }
    return undefined;
  }

  /**
   * @throws ThawError `template_stale` when there is no such template, or it or what it stands on was made
   *   by something else than what is here now
   */
  usable(id: string): StoredTemplate {
    const stored = this.find(id);
    if (!stored) throw stale('The template is not on this host.');
    const { manifest } = stored;
    const differ = differences(manifest.dependsOn, dependenciesNow(this.#identity, this.#set, manifest.runtime));
    if (differ.length > 0) throw stale(`The template was made with another ${differ.join(', ')}.`);
    return stored;
  }

  /** True when `usable` would refuse it. */
  isStale(id: string): boolean {
    try {
      this.usable(id);
      return false;
    } catch {
      return true;
    }
  }

  /** Files of the disks that a clone of `stored` stands on, nearest first. @throws ThawError `template_stale` */
  disks(stored: StoredTemplate): string[] {
    const image = this.#set.images[stored.manifest.runtime];
    if (!image) throw stale('The runtime image is not on this host.');
    const below = stored.manifest.parents.map((id) => {
      const parent = this.find(id);
      if (!parent) throw stale('A disk that the template stands on is gone.');
      return join(parent.directory, TEMPLATE_FILES.disk);
    });
    return [join(stored.directory, TEMPLATE_FILES.disk), ...below, image.path];
  }
}

function stale(message: string): ThawError {
  return new ThawError('template_stale', message, { hint: 'It is made again from the kept artifact.' });
}
