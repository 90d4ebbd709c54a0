import { DEFAULT_OF } from '../command/origins.ts';
import type { Presets } from '../command/presets.ts';
import { type DefaultsLayer, MAXIMA, type Maximum, type PromptSources } from '../command/prompt-sources.ts';
import type { Wildcards } from '../command/wildcards.ts';
import type { DefaultsScope } from '../history/defaults.ts';
import type { History } from '../history/history.ts';
import type { PresetScope } from '../history/presets.ts';
import { type Caller, ruledBy } from '../job.ts';
import type { PromptFolder } from './prompt-folder.ts';

/** Before the name of a setting: the most that is allowed of it. */
export const MAXIMUM_PREFIX = 'max-';

/** Whose presets a caller sees, those that count first. */
export function presetScopes(caller: Caller): readonly PresetScope[] {
  const { surface, user } = caller;
  const guild = ruledBy(caller);
  return [{ surface, user }, ...(guild === null ? [] : [{ surface, guild }]), 'everywhere'];
}

/** Whose defaults hold for a caller, those that count first. */
export function defaultsScopes(caller: Caller): readonly DefaultsScope[] {
  const { surface, user, room } = caller;
  const guild = ruledBy(caller);
  return [
    { surface, scope: 'person', owner: user },
    { surface, scope: 'channel', owner: room },
    ...(guild === null ? [] : [{ surface, scope: 'guild', owner: guild } as const]),
  ];
}

/** What holds for the prompts of a caller: nothing is read before it is asked for, but for the defaults. */
export function promptSources(
  caller: Caller,
  history: Pick<History, 'presets' | 'wildcards' | 'defaults'>,
  folder: PromptFolder | undefined,
): PromptSources {
  const layers: DefaultsLayer[] = [];
  const maxima: Maximum[] = [];
  for (const scope of defaultsScopes(caller)) {
    const all = Object.entries(history.defaults.of(scope));
    const values = all.filter(([key]) => !key.startsWith(MAXIMUM_PREFIX));
    if (values.length > 0) layers.push({ origin: DEFAULT_OF[scope.scope], values: Object.fromEntries(values) });
    for (const [key, value] of all) {
      const name = MAXIMA.find((one) => key === `${MAXIMUM_PREFIX}${one}`);
      if (name !== undefined && scope.scope !== 'person') {
        maxima.push({ name, most: Number(value), place: scope.scope });
      }
    }
  }
  return {
    presets: presetsFor(caller, history, folder),
    wildcards: wildcardsFor(caller, history, folder),
    layers,
    maxima,
  };
}

function presetsFor(caller: Caller, { presets }: Pick<History, 'presets'>, folder: PromptFolder | undefined): Presets {
  const scopes = presetScopes(caller);
  return {
    get names() {
      const own = scopes.flatMap((scope) => presets.names(scope));
      return [...new Set([...own, ...(folder?.presets.names ?? [])])];
    },
    get(name) {
      for (const scope of scopes) {
        const found = presets.get(scope, name);
        if (found !== undefined) return found;
      }
      return folder?.presets.get(name);
    },
  };
}

function wildcardsFor(
  caller: Caller,
  { wildcards }: Pick<History, 'wildcards'>,
  folder: PromptFolder | undefined,
): Wildcards {
  const guild = ruledBy(caller);
  const scope = guild === null ? undefined : { surface: caller.surface, guild };
  return {
    get names() {
      const own = scope === undefined ? [] : wildcards.names(scope);
      return [...new Set([...own, ...(folder?.wildcards.names ?? [])])];
    },
    get: (name) => (scope && wildcards.get(scope, name)) ?? folder?.wildcards.get(name),
  };
}
