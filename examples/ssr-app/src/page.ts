/** A page, rendered on the server for each request. */
export function page({ path, time }: { path: string; time: string }): string {
  return `<!doctype html><title>ssr</title><h1>${text(path)}</h1><p>Rendered at ${time}.</p><script src="/client.js"></script>`;
}

const text = (value: string) => value.replace(/[<>&]/g, (char) => `&#${char.charCodeAt(0)};`);
