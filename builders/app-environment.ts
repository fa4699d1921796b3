/** Lists, with what separates their parts. Thaw's part is what renews a process after a thaw, so it stays. */
const LISTS: Record<string, string> = { NODE_OPTIONS: ' ', PYTHONPATH: ':' };

/** An environment with an app's own values on top; lists get longer. */
export function withValues(env: Record<string, string>, values: Record<string, string>): Record<string, string> {
  const together = { ...env, ...values };
  for (const [name, separator] of Object.entries(LISTS)) {
    const parts = [env[name], values[name]].filter((part) => part !== undefined && part !== '');
    if (parts.length > 0) together[name] = parts.join(separator);
  }
  return together;
}
