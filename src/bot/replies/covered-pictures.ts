import { PICTURE_CLASSES, type PictureClass } from '../../pipeline/images/picture-classes.ts';
import { UserError } from '../../system/errors.ts';
import { foreignWords } from '../../system/foreign-words.ts';
import { listedAs, t, translatable } from '../../texts/translate.ts';
import { type Job, type JobImage, type Overruling, titleOf } from '../job.ts';
import { type Button, type Cover, EMPTY_REPLY, type Reply, type ReplyImage } from '../reply.ts';
import { isHidden } from '../rules/picture-cover.ts';

type Reason = 'found' | 'failed' | 'moderator';
type Covered = Exclude<Cover, 'none'>;

/** What people read of pictures that count as not safe for work. */
const LINES = {
  found: {
    spoiler: translatable(
      'Picture {numbers} looks not safe for work, so it is covered. | Pictures {numbers} look not safe for work, so they are covered.',
    ),
    blur: translatable(
      'Picture {numbers} looks not safe for work, so it is blurred. | Pictures {numbers} look not safe for work, so they are blurred.',
    ),
    block: translatable(
      'Picture {numbers} looks not safe for work, so it is not shown here. | Pictures {numbers} look not safe for work, so they are not shown here.',
    ),
  },
  failed: {
    spoiler: translatable(
      'Picture {numbers} could not be checked for what is not safe for work, so it is covered. | Pictures {numbers} could not be checked for what is not safe for work, so they are covered.',
    ),
    blur: translatable(
      'Picture {numbers} could not be checked for what is not safe for work, so it is blurred. | Pictures {numbers} could not be checked for what is not safe for work, so they are blurred.',
    ),
    block: translatable(
      'Picture {numbers} could not be checked for what is not safe for work, so it is not shown here. | Pictures {numbers} could not be checked for what is not safe for work, so they are not shown here.',
    ),
  },
  moderator: {
    spoiler: translatable('A moderator has covered picture {numbers}. | A moderator has covered pictures {numbers}.'),
    blur: translatable('A moderator has blurred picture {numbers}. | A moderator has blurred pictures {numbers}.'),
    block: translatable('A moderator has hidden picture {numbers}. | A moderator has hidden pictures {numbers}.'),
  },
} as const satisfies Record<Reason, Record<Covered, string>>;
const WHAT_HELPS = translatable('Other words or another seed may help, and moderators can look at it: {button}.');

/** Why pictures of a job are covered, and what can be done; nothing where none is. */
export function coverLines(job: Pick<Job, 'images'>, cover: (image: JobImage) => Cover): readonly string[] {
  const covered = job.images.flatMap((image) => {
    const how = image.deleted ? 'none' : cover(image);
    return how === 'none'
      ? []
      : [{ number: image.index + 1, line: LINES[reasonOf(image)][how], isFound: image.overruled === undefined }];
  });
  const lines = [...new Set(covered.map(({ line }) => line))].map((line) => {
    const numbers = covered.flatMap((one) => (one.line === line ? [String(one.number)] : []));
    // The count chooses the form and is not shown.
    const values = { numbers: listedAs('conjunction', numbers), count: numbers.length };
    return t(line, values);
  });
  return covered.some(({ isFound }) => isFound) ? [...lines, t(WHAT_HELPS, { button: t('Info') })] : lines;
}

function reasonOf({ verdict, overruled }: JobImage): Reason {
  if (overruled === 'hidden') return 'moderator';
  return verdict !== undefined && 'problem' in verdict ? 'failed' : 'found';
}

/** What Info tells moderators besides: what the classifier found, the picture as it is, and the other decision. */
export function reviewReply(info: Reply, job: Job, image: JobImage): Reply {
  const { verdict, overruled } = image;
  const found =
    verdict &&
    ('problem' in verdict
      ? t('nothing: {problem}', { problem: foreignWords(verdict.problem) })
      : sharesText(verdict.shares));
  const values = {
    [t('Picture classifier')]: verdict?.classifier,
    [t('Found')]: found,
    [t('Decided by a moderator')]: overruled && t(DECISIONS[overruled]),
  };
  const fields = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  const hidden = isHidden(image);
  const button: Button = hidden
    ? { action: `uncover:${image.id}`, label: t('Show it after all'), style: 'primary' }
    : { action: `hide:${image.id}`, label: t('Hide it after all'), style: 'danger' };
  const { id, seed, width, height } = image;
  const original: ReplyImage = {
    ...{ id, width, height, version: 'original', fileName: `original-${seed}.png` },
    ...{ alt: titleOf(job.request), spoiler: true },
  };
  return { ...info, fields: [...info.fields, ...fields], images: hidden ? [original] : [], buttons: [[button]] };
}

const DECISIONS: Readonly<Record<Overruling, string>> = {
  shown: translatable('shown'),
  hidden: translatable('hidden'),
};

function sharesText(shares: Readonly<Record<PictureClass, number>>): string {
  const likeliest = PICTURE_CLASSES.toSorted((a, b) => shares[b] - shares[a]);
  return likeliest.map((name) => `${name} ${Math.round(shares[name] * 100)} %`).join(', ');
}

export function overruledReply(decision: Overruling): Reply {
  const title = decision === 'shown' ? t('The picture is shown from now on') : t('The picture is hidden from now on');
  const lines = [t('This holds for this picture alone: others that are made of it are looked at anew.')];
  return { ...EMPTY_REPLY, title, lines, ephemeral: true };
}

export function overruleNotAllowed(): UserError {
  return new UserError(
    'overrule_not_allowed',
    t('Only moderators of the place where a picture was made can decide that.'),
    {
      hint: t('Other words or another seed make another picture.'),
    },
  );
}

/** In place of a picture that a place does not show. */
export function pictureWithheld(cover: Covered): UserError {
  return new UserError('nsfw_picture', t('The picture looks not safe for work, and is not shown here.'), {
    hint: t('Other words or another seed may help. The rule is the setting {setting}.', {
      setting: `nsfw-pictures: ${cover}`,
    }),
  });
}
