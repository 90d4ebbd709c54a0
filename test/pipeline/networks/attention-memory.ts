/** Runs attention over 4096 positions with 8 heads and prints how many bytes the process grew by at its peak. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { attentionInPieces } from '../../../src/pipeline/graph/attention.ts';
import { GraphBuilder } from '../../../src/pipeline/graph/builder.ts';

const POSITIONS = 4096;
const CHANNELS = 64;
const [queries = 1, heads = 1] = process.argv.slice(2).map(Number);

const g = new GraphBuilder('attention');
const input = (name: string) => g.input(name, 'f32', ['b', 't', CHANNELS]);
g.output('y', attentionInPieces(g, [input('q'), input('k'), input('v')], 8, { queries, heads, fused: true }));
const session = await InferenceSession.create(g.toBytes(), { executionProviders: ['cpu'], enableMemPattern: false });
const tensor = () => {
  return new Tensor('float32', new Float32Array(POSITIONS * CHANNELS).fill(0.1), [1, POSITIONS, CHANNELS]);
};
const before = process.resourceUsage().maxRSS;
await session.run({ q: tensor(), k: tensor(), v: tensor() });
console.log((process.resourceUsage().maxRSS - before) * 1024);
