import { api } from './api.js';

/** What the model in use paints best: `ideas`, and the `usual` values of settings. */
export const model = { ideas: [], usual: { steps: null, guidance: 4 } };

/** Asks the server, until it has answered once. */
export async function loadModel() {
  if (model.ideas.length === 0) Object.assign(model, await api.model());
}
