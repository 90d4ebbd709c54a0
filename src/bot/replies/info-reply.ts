import { DEFAULT_STAGE_C_STEPS } from '../../pipeline/math/scheduler.ts';
import { currentLanguage } from '../../texts/language.ts';
import { t } from '../../texts/translate.ts';
import { formatRequest } from '../command/format.ts';
import { FIELD_KEYS, KEYS, type KeyName, type RequestField } from '../command/keys.ts';
import { labelsOf } from '../command/local-names.ts';
import { formatLoras } from '../command/loras.ts';
import { originText } from '../command/origins.ts';
import type { ImageDetails } from '../history/history.ts';
import { type ImagineRequest, type Job, type JobImage, titleOf } from '../job.ts';
import { NOTICE, type Reply } from '../reply.ts';
import { type RequestLimits, requestDefaults } from '../request-limits.ts';

/** Of the settings: the size has a line of its own, and the others say nothing about one picture. */
const SHOWN_OTHERWISE: readonly KeyName[] = ['width', 'height', 'n', 'spoiler'];

function labelOf(name: KeyName): string {
  return labelsOf(name)[currentLanguage()];
}

/**
 * Every parameter of a picture, ready to paste.
 *
 * @param signature who signs the pictures
 */
export function infoReply(
  job: Job,
  image: JobImage | null,
  details: ImageDetails | null,
  limits: RequestLimits,
  signature?: string,
): Reply {
  const { request } = job;
  const recipe = details?.recipe ?? null;
  const derived = recipe !== null && recipe.verb !== null && recipe.verb !== 'reroll' && recipe.verb !== 'remix';
  const made: ImagineRequest = image === null ? request : { ...request, seed: image.seed, n: 1 };
  const settings = FIELD_KEYS.filter(({ key }) => !SHOWN_OTHERWISE.includes(key.name));
  const values = {
    [labelOf('size')]: `${made.width}×${made.height}`,
    ...Object.fromEntries(settings.map(({ key, field }) => [labelOf(key.name), madeWith(made, field)])),
    ...startFields(request),
    ...{ [t('Made by')]: recipe?.verb, [t('Strength')]: recipe?.strength },
    ...(derived ? { [t('Stage C seed')]: recipe.stageCSeed, [t('Stage B seed')]: recipe.stageBSeed } : {}),
    [t('Checkpoint')]: recipe?.checkpoint.slice(0, 16),
    ...{ [t('Provider')]: recipe?.provider, [t('Version')]: recipe?.version },
    ...{ [t('Picture')]: image?.id, [t('Request')]: job.id },
    ...{ [t('Typed as')]: request.original, [t('Negative typed as')]: request.originalNegative },
    [t('Values from')]: originsOf(job, limits),
    [t('Signature')]: image === null ? undefined : signature,
  };
  return {
    ...NOTICE,
    title: titleOf(request),
    lines: [
      ...(derived
        ? [
            recipe.parentImage === null
              ? t('Made from another picture: the command below makes it from the words alone.')
              : t('Made from {parent}: the command below makes it from the words alone.', {
                  parent: recipe.parentImage,
                }),
          ]
        : []),
      ...(request.start ? [t('It starts from a picture, which the command below does not hold.')] : []),
    ],
    fields: Object.entries(values).flatMap(([name, value]) =>
      value === undefined || value === null || value === '' ? [] : [{ name, value: String(value) }],
    ),
    code: `/wuerst ${formatRequest(made, limits.recommended.steps)}`,
  };
}

function madeWith(made: ImagineRequest, field: RequestField) {
  if (field === 'loras') return made.loras && formatLoras(made.loras);
  return field === 'steps' ? (made.steps ?? t('reference, {count}', { count: DEFAULT_STAGE_C_STEPS })) : made[field];
}

/** What a request starts from. */
function startFields({ start }: ImagineRequest) {
  if (start === undefined) return {};
  const [first] = start.pictures;
  const weights = start.pictures.map(({ weight }) => weight).join(', ');
  const pictures =
    first && start.pictures.length === 1
      ? t('a picture')
      : t('{count} picture ({weights}) | {count} pictures ({weights})', { count: start.pictures.length, weights });
  const mask = start.mask === first?.hash ? t('what was transparent in it') : t('what was white in its mask');
  return {
    [t('Starts from')]: pictures,
    [t('Start strength')]: start.strength,
    ...(start.mask === undefined ? {} : { [t('Painted anew')]: mask }),
  };
}

/** What `origins` are told of, in the order of display. */
const ORIGINATED = [
  { name: 'prompt', field: 'prompt' },
  ...KEYS.flatMap(({ name, fields: [field, ...more] }) =>
    field === undefined || more.length > 0 ? [] : [{ name, field }],
  ),
];

/** `typed (width height); preset film (guidance); the model (the rest)`: without colons and commas, which settings have. */
function originsOf({ request, derivation }: Job, limits: RequestLimits): string | undefined {
  const origins = request.origins ?? (derivation === null ? typedBeside(request, limits) : undefined);
  if (origins === undefined) return undefined;
  const named = ORIGINATED.flatMap(({ name, field }) => {
    const origin = origins[field];
    return origin === undefined ? [] : [{ name, origin }];
  });
  const groups = [...new Set(named.map(({ origin }) => origin))].map((origin) => {
    const names = named.filter((one) => one.origin === origin).map(({ name }) => name);
    return `${originText(origin)} (${names.join(' ')})`;
  });
  return [...groups, groups.length === 0 ? t('the model (all)') : t('the model (the rest)')].join('; ');
}

/** Where nothing was saved: what is not the model's was typed. */
function typedBeside(request: ImagineRequest, limits: RequestLimits): Readonly<Record<string, string>> {
  const usual = requestDefaults(limits);
  const typed = FIELD_KEYS.filter(({ field }) => field !== 'seed' && String(request[field]) !== String(usual[field]));
  return Object.fromEntries(typed.map(({ field }) => [field, 'typed']));
}
