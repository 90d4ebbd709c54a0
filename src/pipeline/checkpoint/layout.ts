import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { withoutMark } from '../../system/byte-order-mark.ts';
import { OperatorError } from '../../system/errors.ts';
import { namesIn } from '../../system/names-in.ts';
import { t } from '../../texts/translate.ts';
import { COMBINED_CLASS, HALVES, type HalfName } from './contents.ts';
import { priorOfCard } from './model-card.ts';

/** Where one half of a model lies: its components are folders of `dir` whose names begin with `prefix`. */
export interface PlacedHalf {
  readonly dir: string;
  /** Not empty in a repository of the combined pipeline. */
  readonly prefix: string;
  /** What its `model_index.json` should say. */
  readonly className: string;
}

export function partOf({ dir, prefix }: PlacedHalf, component: string): string {
  return join(dir, prefix + component);
}

/** What a folder that was given as a model consists of. */
export interface ModelLayout {
  readonly prior: PlacedHalf | undefined;
  readonly decoder: PlacedHalf | undefined;
  /** Places of a further repository of the hub, such as `wuerstchen-prior-model-base`, that may be there. */
  beside(repository: string): string[];
}

/**
 * Finds the halves of a model in any folder that people have on disk:
 *
 * - a model folder: repositories side by side, under the hub's names or others, also as links;
 * - a repository of the combined pipeline;
 * - a repository of one half, with the other one beside it, which a decoder's model card may name;
 * - a folder of the hub's cache: all of it, one `models--owner--name`, or a snapshot.
 */
export function layoutOf(folder: string): ModelLayout {
  const dir = snapshotOf(folder);
  const className = classOf(dir);
  if (className === COMBINED_CLASS) {
    const half = (name: HalfName) => ({ dir, prefix: HALVES[name].combinedPrefix, className: COMBINED_CLASS });
    return { prior: half('prior'), decoder: half('decoder'), beside: (name) => besideOf(dir, name) };
  }
  const given = halfOfClass(className);
  if (given === undefined) return layoutOfMany(dir);
  const other = given === 'prior' ? 'decoder' : 'prior';
  const found = neighbours(dir, other).find((place) => classOf(place) === HALVES[other].className);
  const halves = { [given]: plain(dir, given), [other]: found === undefined ? undefined : plain(found, other) };
  return { prior: halves.prior, decoder: halves.decoder, beside: (name) => besideOf(dir, name) };
}

/** @throws OperatorError `model_incomplete` that says what the folder holds and what it lacks */
export function wholeModel(folder: string): { readonly prior: PlacedHalf; readonly decoder: PlacedHalf } {
  const { prior, decoder } = layoutOf(folder);
  if (prior && decoder) return { prior, decoder };
  const [lacking, present] = prior ? (['decoder', 'prior'] as const) : (['prior', 'decoder'] as const);
  const half = { prior, decoder }[present];
  const { repository, className } = HALVES[lacking];
  if (half) {
    const values = { folder, dir: half.dir, className };
    const message = () =>
      present === 'prior'
        ? t(
            'The folder {folder} holds only the prior of a model, in {dir}; there is no decoder ({className}) beside it.',
            values,
          )
        : t(
            'The folder {folder} holds only the decoder of a model, in {dir}; there is no prior ({className}) beside it.',
            values,
          );
    const several = foldersIn(snapshotOf(folder)).filter((place) => classOf(snapshotOf(place)) === className);
    if (several.length > 1) {
      const names = several.map((place) => basename(place)).join(', ');
      throw new OperatorError(
        'model_ambiguous',
        () => t('The folder {folder} holds more than one {lacking}: {names}.', { folder, lacking, names }),
        {
          hint: () => t('Give the one to use the name {repository}.', { repository }),
        },
      );
    }
    throw new OperatorError('model_incomplete', message, {
      hint: () => t('Put the repository {repository} beside it, or run "wuerst models pull".', { repository }),
    });
  }
  throw noModel(folder);
}

/** What a folder is that has neither half of a model, and where one is. */
export function noModel(folder: string, code = 'model_incomplete'): OperatorError {
  const meant = nearbyModel(folder);
  const hint =
    meant === undefined
      ? () =>
          t(
            'A model folder holds wuerstchen-prior and wuerstchen, or is a repository of the combined pipeline; "{command}" shows what is here.',
            { command: 'wuerst models list' },
          )
      : () => t('There is a model in {folder}: name that folder.', { folder: meant });
  return new OperatorError(
    code,
    () => t('The folder {folder} is no Würstchen model: it holds {held}.', { folder, held: heldBy(folder) }),
    { hint },
  );
}

/** A model in a folder, or one that the folder is a part of. */
function nearbyModel(folder: string): string | undefined {
  const above = dirname(resolve(folder));
  return [...foldersIn(folder), above, dirname(above)].find((place) => {
    const { prior, decoder } = layoutOf(place);
    return prior !== undefined && decoder !== undefined;
  });
}

/** A half of the model in a folder. @throws OperatorError `class_unknown` */
export function halfIn(folder: string, name: HalfName): PlacedHalf {
  const half = layoutOf(folder)[name];
  if (half) return half;
  // One that cannot be read: opening it says why.
  if (classOf(folder) === undefined && namesIn(folder).includes('model_index.json')) return plain(folder, name);
  throw new OperatorError('class_unknown', () =>
    t('Expected class {className} in {folder}, found {held}.', {
      className: HALVES[name].className,
      folder,
      held: heldBy(folder),
    }),
  );
}

/** The name that people know a model by: of its folder, or of the repository that the hub's cache keeps there. */
export function modelName(folder: string): string {
  const [, cached] = /models--(?:.+?--)?([^/\\]+)(?:[/\\]snapshots[/\\][^/\\]+)?$/.exec(resolve(folder)) ?? [];
  return cached ?? basename(resolve(folder));
}

function layoutOfMany(dir: string): ModelLayout {
  const root = isFolder(join(dir, 'hub')) && cachedIn(dir).length === 0 ? join(dir, 'hub') : dir;
  const beside = (name: string) => existing([join(root, name), ...cachedIn(root, name)]);
  const find = (half: HalfName): PlacedHalf | undefined => {
    const { repository, className } = HALVES[half];
    const fits = (place: string) => classOf(place) === className;
    // Usual, and without a look at all other folders.
    if (fits(join(root, repository))) return plain(join(root, repository), half);
    const named = beside(repository);
    const found = named.find(fits) ?? named[0] ?? onlyOne(foldersIn(root).map(snapshotOf).filter(fits));
    return found === undefined ? undefined : plain(found, half);
  };
  const [prior, decoder] = [find('prior'), find('decoder')];
  if (prior || decoder) return { prior, decoder, beside };
  const combined = onlyOne(
    foldersIn(root)
      .map(snapshotOf)
      .filter((place) => classOf(place) === COMBINED_CLASS),
  );
  return combined !== undefined && cachedIn(root).length > 0 ? layoutOf(combined) : { prior, decoder, beside };
}

function plain(dir: string, half: HalfName): PlacedHalf {
  return { dir, prefix: '', className: HALVES[half].className };
}

function halfOfClass(className: string | undefined): HalfName | undefined {
  return (['prior', 'decoder'] as const).find((half) => HALVES[half].className === className);
}

/** Where the other half of a repository may lie: as its model card says, named like this one, or under the hub's name. */
function neighbours(dir: string, half: HalfName): string[] {
  const named = (half === 'prior' && priorOfCard(dir)) || [];
  const names = [named, namedLike(modelName(dir), half), HALVES[half].repository].flat();
  return [...new Set(names)].flatMap((name) => besideOf(dir, name));
}

/** What a repository of the other half would be called. */
export function namedLike(repository: string, half: HalfName): string {
  return half === 'prior' ? `${repository}-prior` : repository.replace(/-prior$/, '');
}

/** Places of a repository, `name` or `owner/name`, beside another, also where a link to that one leads. */
function besideOf(dir: string, repository: string): string[] {
  const name = basename(repository);
  const places = [...new Set([resolve(dir), existsSync(dir) ? realpathSync(dir) : resolve(dir)])];
  const cached = places.filter((place) => basename(dirname(place)) === 'snapshots');
  return existing([
    ...places.map((place) => join(dirname(place), name)),
    ...cached.flatMap((place) => {
      // Of the same owner rather than of another one, if nobody says whose.
      const own = /^models--(.+?)--/.exec(basename(join(place, '../..')))?.[1];
      return cachedIn(join(place, '../../..'), name, name === repository ? own : dirname(repository));
    }),
  ]);
}

/** Folders of the hub's cache for repositories of any owner, those of `owner` first. */
function cachedIn(root: string, name?: string, owner?: string): string[] {
  const cached = foldersIn(root).filter((path) => basename(path).startsWith('models--'));
  const named = name === undefined ? cached : cached.filter((path) => basename(path).endsWith(`--${name}`));
  const isOwn = (path: string) => Number(basename(path) === `models--${owner}--${name}`);
  return named.sort((a, b) => isOwn(b) - isOwn(a));
}

function existing(places: readonly string[]): string[] {
  return places.filter(isFolder).map(snapshotOf);
}

/** Folder of the revision that is in use of a repository in the hub's cache; any other folder as it is. */
export function snapshotOf(dir: string): string {
  const snapshots = join(dir, 'snapshots');
  if (!isFolder(snapshots) || existsSync(join(dir, 'model_index.json'))) return dir;
  const main = readText(join(dir, 'refs', 'main'))?.trim();
  if (main && isFolder(join(snapshots, main))) return join(snapshots, main);
  // Fetched by its commit: the last one.
  const fetched = foldersIn(snapshots).filter((place) => namesIn(place).length > 0);
  return fetched.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0] ?? dir;
}

/** The class that `model_index.json` names. */
export function classOf(dir: string): string | undefined {
  try {
    const { _class_name: name } = JSON.parse(readText(join(dir, 'model_index.json')) ?? '{}') as {
      _class_name?: unknown;
    };
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}

/** What a folder holds, for people: the class of its pipeline, or its files. */
export function heldBy(folder: string): string {
  const className = classOf(snapshotOf(folder));
  if (className !== undefined) return className;
  const names = namesIn(folder).filter((name) => !name.startsWith('.'));
  if (names.length === 0) return t('nothing');
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? t('{names} and {more} more', { names: shown, more: names.length - 8 }) : shown;
}

function foldersIn(dir: string): string[] {
  return namesIn(dir)
    .map((name) => join(dir, name))
    .filter(isFolder);
}

export function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}

function readText(path: string): string | undefined {
  // An exception takes longer than the look.
  if (!existsSync(path)) return undefined;
  try {
    return withoutMark(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function onlyOne<T>(values: readonly T[]): T | undefined {
  return values.length === 1 ? values[0] : undefined;
}
