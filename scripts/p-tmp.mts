import { probe } from '../src/pipeline/runtime/probe.ts';

for (const dtype of ['f32', 'f16'] as const) {
  const t = performance.now();
  console.log(dtype, JSON.stringify(await probe('webgpu', { dtype })), Math.round(performance.now() - t));
  const u = performance.now();
  await probe('webgpu', { dtype });
  console.log('again', Math.round(performance.now() - u));
}
