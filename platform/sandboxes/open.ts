import { Fleet } from './fleet.ts';
import { Lifetime } from './lifetime.ts';
import type { SandboxesParts } from './parts.ts';
import { Sandboxes } from './sandboxes.ts';
import { Templates } from './templates.ts';
import { UsageRecorder } from './usage.ts';
import { Using } from './using.ts';

/**
 * Opens the room: takes back the sandboxes of the server before. Disposing it puts those that run to sleep, for the next
 * server to go on with.
 */
export async function openSandboxes(parts: SandboxesParts): Promise<Sandboxes & AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  const fleet = new Fleet(parts);
  const templates = new Templates(parts, () => fleet.all().map(({ record }) => record.hostTemplate));
  const running = () => fleet.all().filter(({ record, ending }) => record.state === 'running' && !ending);
  const usage = opened.use(new UsageRecorder(parts, running));
  fleet.hasEnded = ({ id, record }) => {
    usage.forget(id);
    if (!record.template.includes(':')) return;
    void templates.collect().catch((err: unknown) => parts.log.warn({ err }, 'a removed template is left'));
  };
  const lifetime = opened.use(new Lifetime(fleet));
  await lifetime.begin(templates);
  return new Sandboxes({ parts, fleet, templates, usage, using: new Using(fleet) }, opened.move());
}
