import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { Administration, FailureReport, KeptIn, PainterReport, PersonReport, Rule } from '../administration.ts';
import {
  choicesOf,
  expectedOf,
  guildSettings,
  type PlacedSetting,
  typedGuildSetting,
} from '../command/guild-settings.ts';
import type { SettingsScope } from '../history/history.ts';
import { type Caller, type ImagineRequest, type Job, titleOf } from '../job.ts';
import type { Estimator } from '../jobs/estimator.ts';
import { workOf } from '../jobs/estimator.ts';
import { speedOf } from '../jobs/painter.ts';
import type { PainterView } from '../jobs/painters.ts';
import { cancelJob } from './cancelling.ts';
import { presetsReply, savePreset, withGivenFile } from './change-presets.ts';
import { changeSettings, isOperator } from './change-settings.ts';
import { wildcardsReply } from './change-wildcards.ts';
import { changedBy, changeReport, placeNamed } from './changes.ts';
import { promptContext } from './prompt-context.ts';
import type { StudioParts } from './studio-parts.ts';

const PEOPLE = 100;
const FAILURES = 100;
const CHANGES = 200;
/** As the commands name places. */
const PLACES = { everywhere: 'everywhere', place: 'guild' } as const;

/** What speeds are told of. */
const USUAL: ImagineRequest = {
  ...{ prompt: '', negative: '', width: 1024, height: 1024, n: 1, style: 'interpolated', seed: 0n, spoiler: false },
  ...{ steps: null, guidance: 4, decoderSteps: 12, decoderGuidance: 0 },
};

/** What the page of the administration does, by the same rules as the commands. */
export function administration(parts: StudioParts & { readonly estimator: Estimator }): Administration {
  const { history, rules, dispatcher, painters, estimator } = parts;
  return {
    rules(caller) {
      requireOperator(caller);
      return guildSettings(true).flatMap((setting) => ruleOf(parts, setting, caller) ?? []);
    },
    changeRule(caller, name, value) {
      requireOperator(caller);
      const typed = typeof value === 'string' ? value : typedGuildSetting(value);
      changeSettings({ history, rules, painters, caller }, [{ key: name, value: typed }]);
    },
    people(caller, containing) {
      requireOperator(caller);
      const here = history.settings.at('everywhere');
      return history.overview.people(containing, PEOPLE).map(
        (person): PersonReport => ({
          ...person,
          unfinished: history.lists.countUnfinished(person),
          mostUnfinished: here.userJobs,
          seconds: history.usage.today('user', person.surface, person.user).seconds,
          mostSeconds: here.userSeconds,
          blocked: here.blockedUsers.includes(person.user),
        }),
      );
    },
    block(caller, { user }, blocked) {
      requireOperator(caller);
      // Not as typed words: an id may hold a comma.
      const others = (history.settings.own('everywhere').blockedUsers ?? []).filter((other) => other !== user);
      history.settings.set('everywhere', 'blockedUsers', blocked ? [...others, user] : others, caller);
      rules.forget();
    },
    painters(caller) {
      requireOperator(caller);
      const running = dispatcher.runningIds.flatMap((id) => history.jobs.get(id) ?? []);
      const paintedBy = (id: string) =>
        running.filter((job) => dispatcher.paintersOf(job.id).some((one) => one.id === id));
      return painters.all.map((view) => painterReport(view, estimator, paintedBy(view.painter.id), caller));
    },
    failures(caller) {
      requireOperator(caller);
      return history.overview.failures(FAILURES).map((job) => failureOf(job, caller));
    },
    cancel(caller, jobId) {
      requireOperator(caller);
      const job = history.jobs.get(jobId);
      if (job === null) throw new UserError('job_unknown', t('There is no request with this id.'));
      cancelJob(parts, job, caller);
    },
    kept(caller) {
      requireOperator(caller);
      return keptPrompts(parts, caller);
    },
    savePreset(caller, { in: saved, ...preset }) {
      requireOperator(caller);
      return savePreset({ ...preset, place: PLACES[saved] }, promptContext(parts, caller));
    },
    importPresets(caller, { in: saved, file, name }) {
      requireOperator(caller);
      const given = { action: 'import', place: PLACES[saved], file, ...(name === undefined ? {} : { name }) } as const;
      return presetsReply(withGivenFile(given, undefined), promptContext(parts, caller));
    },
    deletePreset(caller, { in: saved, name }) {
      requireOperator(caller);
      return presetsReply({ action: 'delete', place: PLACES[saved], name }, promptContext(parts, caller));
    },
    saveWildcard(caller, wildcard) {
      requireOperator(caller);
      return wildcardsReply({ action: 'set', ...wildcard }, promptContext(parts, caller));
    },
    deleteWildcard(caller, name) {
      requireOperator(caller);
      return wildcardsReply({ action: 'delete', name }, promptContext(parts, caller));
    },
    changes(caller, of) {
      requireOperator(caller);
      return history.audit.changes(CHANGES, of).map(changeReport);
    },
    classifier(caller) {
      requireOperator(caller);
      const rules = history.settings.allOf('nsfwPictures').filter(({ value }) => value !== 'off');
      return {
        loaded: parts.rules.classifier !== undefined,
        rules: rules.map(({ scope, value }) => ({ where: scope === 'everywhere' ? null : placeNamed(scope), value })),
      };
    },
    pictures(caller) {
      requireOperator(caller);
      return history.overview.files();
    },
  };
}

/** @throws UserError `admins_only` */
function requireOperator(caller: Caller): void {
  if (isOperator(caller)) return;
  throw new UserError('admins_only', t('Only admins can look after this bot.'), {
    hint: t('Ask whoever runs it for an invitation as an admin.'),
  });
}

/** `null` for one of a place where there is none. */
function ruleOf({ history, rules }: StudioParts, setting: PlacedSetting, caller: Caller): Rule | null {
  const { key, name, description, everywhere } = setting;
  const { surface, guild } = caller;
  if (!everywhere && guild === null) return null;
  const scope: SettingsScope = everywhere || guild === null ? 'everywhere' : { surface, guild };
  const around = everywhere ? null : history.settings.at('everywhere');
  const own = history.settings.own(scope)[key];
  const change = history.audit.lastChange(scope, key);
  return {
    ...{ name, description: t(description), everywhere, expected: expectedOf(key), choices: choicesOf(key) },
    words: setting.kind === 'list' ? (Array.isArray(own) ? own : []) : null,
    holds: typedGuildSetting(everywhere ? history.settings.at('everywhere')[key] : rules.at(caller)[key]),
    own: own === undefined ? null : typedGuildSetting(own),
    initial: typedGuildSetting(around === null ? setting.initial : around[key]),
    changed: change === null ? null : { by: changedBy(change), at: change.at },
  };
}

function painterReport(
  { painter, ready, busy }: PainterView,
  estimator: Estimator,
  jobs: readonly Job[],
  caller: Caller,
): PainterReport {
  const { info } = painter.status;
  const speed = speedOf(painter);
  const seconds = estimator.seconds(workOf(USUAL, null), speed);
  return {
    ...{ id: painter.id, name: painter.name, ready, busy },
    provider: info?.provider ?? null,
    hardware: painter.hardware ?? null,
    styles: info?.styles ?? [],
    secondsPerPicture: estimator.eta(seconds, 0, speed) === null ? null : seconds,
    paints: jobs.map((job) => promptFor(job, caller) ?? t('a request on {platform}', { platform: job.caller.surface })),
  };
}

/** What people of other platforms ask for is not read here. */
function promptFor({ request, caller: asker }: Job, caller: Caller): string | null {
  return asker.surface === caller.surface ? titleOf(request) : null;
}

function failureOf(job: Job, caller: Caller): FailureReport {
  const { surface, room, name } = job.caller;
  const { code = 'unknown', message = '' } = job.error ?? {};
  return {
    ...{ id: job.id, surface, room, name, code, message },
    prompt: promptFor(job, caller),
    at: job.finishedAt ?? job.createdAt,
  };
}

function keptPrompts({ history, prompts }: StudioParts, caller: Caller) {
  const { surface, guild } = caller;
  const scopes = [
    ['place', guild === null ? null : { surface, guild }],
    ['everywhere', 'everywhere'],
  ] as const;
  const saved = scopes.flatMap(([kept, scope]) =>
    scope === null ? [] : history.presets.all(scope).map((preset) => ({ ...preset, in: kept as KeptIn })),
  );
  const files = (prompts?.presets.names ?? []).flatMap((name) => {
    const preset = prompts?.presets.get(name);
    return preset === undefined ? [] : [{ name, ...preset, in: 'folder' as const }];
  });
  const lists = guild === null ? [] : history.wildcards.names({ surface, guild });
  return {
    presets: [...saved, ...files].map(({ settings, ...preset }) => ({ ...preset, settings: settingsText(settings) })),
    wildcards: [
      ...lists.map((name) => ({
        ...{ name, in: 'place' as const },
        list: (guild !== null && history.wildcards.get({ surface, guild }, name)) || '',
      })),
      ...(prompts?.wildcards.names ?? []).map((name) => ({
        ...{ name, in: 'folder' as const },
        list: prompts?.wildcards.get(name) ?? '',
      })),
    ],
  };
}

function settingsText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([key, value]) => (/\s/.test(value) ? `${key}:"${value}"` : `${key}:${value}`))
    .join(' ');
}
