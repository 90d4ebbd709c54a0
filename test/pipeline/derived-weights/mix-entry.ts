/** Mixes and kills itself when `limit` bytes are written: `mix-entry.ts <base> <aesthetic> <out> <limit>`. */
import { mixCheckpoints } from '../../../src/pipeline/derived-weights/mix.ts';

const [base = '', aesthetic = '', out = '', limit = ''] = process.argv.slice(2);
await mixCheckpoints(base, aesthetic, 0.5, out, {
  onProgress: (done) => {
    if (done >= Number(limit)) process.kill(process.pid, 'SIGKILL');
  },
});
