/** Where our own programs lie in guests, apart from the code they work on. */
export const PROGRAMS = '/opt/thaw';
/** Where a deployment's tree lies when it runs. */
export const APP = '/app';
