/**
 * zod's small face, for what is read before the first picture: whole, it takes longer to load than all graphs take to
 * write. Elsewhere it is `import { z } from 'zod'`.
 */
export * as z from './zod-mini-schemas.ts';
