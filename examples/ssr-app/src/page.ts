/** A page, rendered on the server for each request. */
export function page({ path, time }: { path: string; time: string }): string {
  return `<!doctype html><title>ssr</title><h1>${escape(path)}</h1><p>Rendered at ${time}.</p><script src="/client.js"></script>`;
}

const escape = (text: string) => text.replace(/[<>&]/g, (char) => `&#${char.charCodeAt(0)};`);
