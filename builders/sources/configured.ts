import type { Project, Source } from '../guest/project.ts';
import { commandApp } from './command-app.ts';

/** An app whose `thaw.toml` says how it is started. */
export async function configured(project: Project): Promise<Source | undefined> {
  const { start } = project.settings;
  return start === undefined ? undefined : commandApp(project, start, 'thaw.toml start');
}
