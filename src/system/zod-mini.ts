/**
 * zod/mini, for files that are read before the first picture: all of zod takes longer to load than all graphs take to
 * write. Other modules use `import * as z from 'zod'`.
 */
export * as z from './zod-mini-schemas.ts';
