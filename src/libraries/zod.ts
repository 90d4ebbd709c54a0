/** zod, behind a door that the build bundles: loaded whole, it takes longer than everything else before the first step. */
export * as z from './zod-schemas.ts';
