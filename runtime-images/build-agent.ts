import { ThawError } from '../platform/errors.ts';
import type { Recipe } from './cache/artifact.ts';
import { goProgramRecipe } from './go-program.ts';

/**
 * The guest's agent. Facts: `version`, as the agent itself answers it.
 *
 * @param dir its Go module
 */
export function agentRecipe(
  dir: string,
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<Recipe<'program'>> {
  return goProgramRecipe('agent', dir, { facts: (source) => ({ version: versionIn(source) }), signal, progress });
}

function versionIn(source: Record<string, string>): string {
  const version = /^const version = "([^"]+)"$/m.exec(source['version.go'] ?? '')?.[1];
  if (version === undefined) throw new ThawError('internal', "The agent's version.go names no version.");
  return version;
}
