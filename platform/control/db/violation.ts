/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';

/**
 * The name of the constraint that a failed statement went against, or undefined when it failed for another reason.
 * The query builder wraps what the driver threw, and the two drivers name the field differently.
 */
export function violated(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code, constraint, constraint_name } = at as {
      code?: string;
      constraint?: string;
      constraint_name?: string;
    };
    if (code === UNIQUE_VIOLATION || code === FOREIGN_KEY_VIOLATION) return constraint ?? constraint_name;
  }
  return undefined;
}
