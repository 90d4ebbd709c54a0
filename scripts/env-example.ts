/** Writes `.env.example`: every setting of `wuerst start`, as its help has it. `npm run env-example` */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VARIABLES } from '../src/config.ts';
import { envExample } from '../src/system/env-example.ts';

writeFileSync(join(import.meta.dirname, '../.env.example'), envExample(VARIABLES));
