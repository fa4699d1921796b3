import type { Deployment, Release } from '../control/contract.ts';
import type { ApiParts, DeployRequest } from './parts.ts';

export type ShownDeployment = Omit<Deployment, 'run' | 'template'>;

/** One line of the answer to a deployment. */
export type DeployEvent =
  | { type: 'line'; text: string }
  | { type: 'done'; deployment: ShownDeployment; release: Release; url: string };

/**
 * A deployment as a stream: its lines of progress as they are reported, then its outcome. Leaving the loop early
 * does not end the deployment, `signal` does; it is waited for either way.
 */
export async function* deployEvents(
  deploy: ApiParts['deploy'],
  request: DeployRequest,
  signal: AbortSignal,
  shown: (deployment: Deployment) => ShownDeployment,
): AsyncGenerator<DeployEvent> {
  const lines: string[] = [];
  let wake = Promise.withResolvers<void>();
  let over = false;
  const report = (line: string) => {
    lines.push(line);
    wake.resolve();
  };
  const outcome = deploy(request, report, signal).finally(() => {
    over = true;
    wake.resolve();
  });
  // Whoever leaves early never looks at the outcome.
  outcome.catch(() => {});
  try {
    while (!over || lines.length > 0) {
      await wake.promise;
      wake = Promise.withResolvers();
      for (const text of lines.splice(0)) yield { type: 'line', text };
    }
    const { deployment, release, url } = await outcome;
    yield { type: 'done', deployment: shown(deployment), release, url };
  } finally {
    await outcome.catch(() => {});
  }
}
