import { ThawError } from '../errors.ts';
import { MOST_DISKS } from '../host/contract.ts';
import type { VolumeMount } from './contract.ts';
import type { VolumesParts } from './parts.ts';
import { requirePath } from './rules.ts';

/** A volume of a deployment; `attached` when it is no part of the code's settings. */
export type ChosenMount = VolumeMount & { attached?: true };

/**
 * The volumes that a deployment of an app gets: those that its settings mount, and those that are attached to the app.
 *
 * @param preview it is not for the app itself
 * @throws ThawError `not_found` with how a volume is made; `conflict` when another app has it, or for a preview;
 *   `invalid_input` when they do not go together
 */
export async function chooseMounts(
  { control }: Pick<VolumesParts, 'control'>,
  { app, project, preview }: { app: string; project: string; preview: boolean },
  wanted: readonly VolumeMount[],
): Promise<ChosenMount[]> {
  if (preview) {
    if (wanted.length === 0) return [];
    throw new ThawError('conflict', 'A preview has no volumes: those of its app are in use.', {
      hint: 'Leave [[mounts]] out on this branch, or test with a sandbox and a clone of the volume.',
    });
  }
  const [records, inFront] = await Promise.all([control.volumes.list(project), control.volumes.inFront(project)]);
  const attached = records.flatMap(({ name, attached: to }) =>
    to?.app === app ? [{ volume: name, path: to.path, attached: true as const }] : [],
  );
  const own = wanted.map(({ volume, path }) => ({ volume, path }));
  const mounts = [...own, ...attached.filter(({ volume }) => !own.some((one) => one.volume === volume))];
  if (mounts.length > MOST_DISKS) throw new ThawError('invalid_input', `An app has ${MOST_DISKS} volumes at most.`);
  if (new Set(mounts.map(({ path }) => path)).size < mounts.length) {
    throw new ThawError('invalid_input', `Two volumes of ${app} have the same path.`, {
      hint: 'What is attached with `thaw volume attach` counts as well.',
    });
  }
  for (const { volume, path } of mounts) {
    requirePath(path);
    const record = await control.volumes.get(project, volume);
    const other = record.attached?.app ?? inFront.find((one) => one.volume === volume && one.app !== app)?.app;
    if (other === undefined || other === app) continue;
    throw new ThawError('conflict', `The app ${other} has the volume ${volume}.`, {
      hint: 'A volume is in one app at a time. `thaw volume clone` makes another one of it.',
    });
  }
  return mounts;
}
