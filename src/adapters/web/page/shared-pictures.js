import { api, Problem } from './api.js';
import { givenPictures } from './given-pictures.js';
import { t } from './texts.js';

const WHY = {
  refused: () => t('What was shared could not be taken over. Pictures may have up to 20 MB.'),
  left: () => t('Not all that was shared was taken over: up to three pictures of 20 MB, 40 MB together.'),
  gone: () => t('What was shared is not here any more. Share it again.'),
};

/** Puts what another app shared beside the prompt. @param shared as `takeShared` gives it, and `left`. @throws Problem that says why not */
export async function addSharedPictures(shared, left) {
  if (Object.hasOwn(WHY, shared)) throw refused(shared);
  const { pictures } = await api.shared(shared);
  if (pictures === 0) throw refused('gone');
  const files = [];
  for (let k = 0; k < pictures; k += 1) {
    const blob = await api.sharedPicture(shared, k);
    // What is no picture is refused when it is sent, with the reason.
    const type = blob.type.startsWith('image/') ? blob.type : 'image/unknown';
    files.push(new File([blob], t('shared picture {number}', { number: k + 1 }), { type }));
  }
  givenPictures.add(files);
  if (left > 0) throw refused('left');
}

function refused(why) {
  return new Problem(400, { code: `share_${why}`, message: WHY[why]() });
}
