import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { prepare } from '../../../src/pipeline/derived-weights/prepare.ts';
import { ALL_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';

// Says so after each tensor, so that it can be killed in the middle.
const component = (await Component.open(process.argv[2] ?? '')).in('int8');
priorGraphs(component, ALL_FOLDS);
await prepare(component, { onProgress: (done) => process.stdout.write(`${done}\n`) });
