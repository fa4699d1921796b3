import { join } from 'node:path';
import type { Recipe } from '../cache/artifact.ts';
import { bootstrap, SUITE } from '../debian/bootstrap.ts';
import { type ImageDefinition, lineage } from '../definition.ts';

/** Users that tenants' code runs as: `app` for deployments (the agent and the host know its numbers), `user` for sandboxes. */
const HOOKS = [
  'chroot "$1" groupadd --gid 1000 app',
  'chroot "$1" useradd --uid 1000 --gid 1000 --no-create-home --home-dir /app --shell /bin/bash app',
  'install -d -o 1000 -g 1000 -m 0755 "$1/app"',
  'chroot "$1" groupadd --gid 1001 user',
  'chroot "$1" useradd --uid 1001 --gid 1001 --create-home --home-dir /home/user --shell /bin/bash user',
  // A mirror's address may carry the host's password for it.
  'sed -i -E "s#(https?://)[^/ @]*@#\\1#" "$1/etc/apt/sources.list"',
];

/**
 * The Debian root of an image as a tar file. Images with the same packages share one.
 *
 * Parts: `tar`.
 */
export function rootfsRecipe(
  image: ImageDefinition,
  signal: AbortSignal,
  progress: (text: string) => void,
): Recipe<'tar'> {
  const owner = lineage(image).findLast((layer) => layer.debian.length > 0) ?? image;
  const packages = lineage(owner).flatMap((layer) => layer.debian);
  const hooks = [
    ...HOOKS,
    ...lineage(owner).flatMap(({ install = [] }) => install),
    ...lineage(owner).flatMap(({ leftOut = [] }) => leftOut.map((path) => `rm -rf "$1"${path}`)),
  ];
  const suite = owner.suite ?? SUITE;
  return {
    name: `rootfs-${owner.name}`,
    definition: { format: 1, suite, packages, hooks },
    parts: ['tar'],
    async build(dir) {
      progress(`installing Debian ${suite} with ${packages.join(', ')}`);
      await bootstrap({ suite, variant: 'minbase', packages, hooks, target: join(dir, 'tar'), format: 'tar', signal });
      return {};
    },
  };
}
