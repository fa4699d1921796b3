import postgresJs from 'postgres';

/** @returns milliseconds until a new connection has its first row */
export async function firstRow(url: string): Promise<number> {
  const began = performance.now();
  const sql = postgresJs(url, { max: 1, fetch_types: false });
  try {
    await sql`select 1`;
    return performance.now() - began;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
