import type { Operations, WorkerOrder } from '../../../src/adapters/web/server/operations.ts';
import type {
  Administration,
  ChangeReport,
  KeptPreset,
  KeptWildcard,
  PersonReport,
  Rule,
} from '../../../src/bot/administration.ts';
import type { ChangeKind } from '../../../src/bot/change-kinds.ts';
import type { ApiKey } from '../../../src/bot/keys/api-key.ts';
import { EMPTY_REPLY } from '../../../src/bot/reply.ts';
import { ModelManager } from '../../../src/models/model-manager.ts';
import { UserError } from '../../../src/system/errors.ts';

const NOON = 1_790_000_000_000;

/** What admins look after, in memory. */
export class FakeAdministration implements Administration {
  readonly values = new Map<string, string>();
  readonly lists = new Map<string, readonly string[]>();
  readonly blocked = new Set<string>();
  kept_: { presets: KeptPreset[]; wildcards: KeptWildcard[] } = {
    presets: [
      { name: 'film', in: 'everywhere', prompt: '{prompt}, film still', negative: 'text', settings: 'style:base' },
      { name: 'noir', in: 'folder', prompt: '{prompt}, black and white', negative: '', settings: '' },
    ],
    wildcards: [{ name: 'colour', in: 'place', list: 'red\ngreen\n3::blue' }],
  };

  rules(): readonly Rule[] {
    return [false, true].flatMap((everywhere) => {
      const prefix = everywhere ? 'everywhere-' : '';
      return [
        this.#rule(`${prefix}user-jobs`, 'unfinished requests per person at once', everywhere, '50', []),
        this.#rule(`${prefix}nsfw`, 'off, or in age-restricted rooms only', everywhere, 'age-restricted', [
          ...['off', 'age-restricted'],
        ]),
        this.#rule(`${prefix}blocked-words`, 'words that no prompt may hold', everywhere, 'none', []),
      ];
    });
  }

  #rule(name: string, description: string, everywhere: boolean, initial: string, choices: readonly string[]): Rule {
    const own = this.values.get(name) ?? null;
    const expected = name.endsWith('words')
      ? 'It can be up to 2000 words with commas between them, none or default.'
      : 'It can be a whole number from 1, none or default.';
    const changed = own === null ? null : { by: 'Root (root)', at: NOON };
    const words = name.endsWith('words') ? (this.lists.get(name) ?? []) : null;
    return { name, description, everywhere, initial, own, changed, choices, expected, words, holds: own ?? initial };
  }

  changeRule(_caller: unknown, name: string, value: string | readonly string[]): void {
    if (typeof value !== 'string') {
      this.lists.set(name, value);
      this.values.set(name, value.join(', '));
      return;
    }
    if (name.endsWith('user-jobs') && !/^(?:\d+|none|default)$/.test(value)) {
      throw new UserError('setting_value', `Expected ${name} to be a whole number from 1, got "${value}".`);
    }
    if (value === 'default') {
      this.values.delete(name);
      this.lists.delete(name);
    } else this.values.set(name, value);
  }

  people(_caller: unknown, containing: string): readonly PersonReport[] {
    const all = ['Ann', 'Bob'].map((name, k) => ({
      ...({ surface: 'web', user: name.toLowerCase(), name, lastSeen: NOON - k * 3_600_000 } as const),
      ...{ unfinished: k, mostUnfinished: 50, seconds: 125.4, mostSeconds: k === 0 ? 600 : null },
      blocked: this.blocked.has(name.toLowerCase()),
    }));
    return all.filter(({ name }) => name.toLowerCase().includes(containing.toLowerCase()));
  }

  block(_caller: unknown, { user }: { readonly user: string }, blocked: boolean): void {
    if (blocked) this.blocked.add(user);
    else this.blocked.delete(user);
  }

  painters() {
    const one = { provider: 'cuda', hardware: 'H100', styles: ['base', 'interpolated'], ready: true };
    return [
      { ...one, id: '1', name: 'GPU 1', busy: true, secondsPerPicture: 2.4, paints: ['a panda on a green background'] },
      { ...one, id: '2', name: 'GPU 2', busy: false, ready: false, secondsPerPicture: null, paints: [] },
    ];
  }

  failures() {
    const one = { surface: 'web', room: 'lobby', name: 'Ann', at: NOON } as const;
    return [
      {
        ...one,
        id: 'a1',
        prompt: 'a panda on a green background',
        message: 'There was too little memory for it.',
        code: 'out_of_memory',
      },
      {
        ...one,
        id: 'a2',
        surface: 'discord' as const,
        name: 'Zoe',
        prompt: null,
        message: 'The bot crashed.',
        code: 'pipeline_crashed',
      },
    ];
  }

  cancel(): void {}

  kept() {
    return this.kept_;
  }

  savePreset(
    _caller: unknown,
    { text, ...preset }: { name: string; text: string; negative: string; in: 'everywhere' | 'place' },
  ) {
    if (preset.name.includes('/')) throw new UserError('preset_name', 'Expected a name without a slash.');
    const others = this.kept_.presets.filter(({ name }) => name !== preset.name);
    this.kept_ = { ...this.kept_, presets: [{ ...preset, prompt: text, settings: '' }, ...others] };
    return EMPTY_REPLY;
  }

  importPresets() {
    return EMPTY_REPLY;
  }

  deletePreset(_caller: unknown, preset: { readonly name: string }) {
    this.kept_ = { ...this.kept_, presets: this.kept_.presets.filter(({ name }) => name !== preset.name) };
    return EMPTY_REPLY;
  }

  saveWildcard(_caller: unknown, wildcard: { readonly name: string; readonly list: string }) {
    const others = this.kept_.wildcards.filter(({ name }) => name !== wildcard.name);
    this.kept_ = { ...this.kept_, wildcards: [{ ...wildcard, in: 'place' }, ...others] };
    return EMPTY_REPLY;
  }

  deleteWildcard() {
    return EMPTY_REPLY;
  }

  changes(_caller: unknown, of?: ChangeKind) {
    const all: readonly (ChangeReport & { readonly of: ChangeKind })[] = [
      { of: 'keys', at: NOON, by: 'Root (root)', what: 'made the API key nightly for web:lobby', where: null },
      { of: 'prompts', at: NOON - 60_000, by: 'Ann (ann)', what: 'saved the preset film', where: '#lobby' },
      { of: 'models', at: NOON - 120_000, by: 'root at the terminal', what: 'chose the model cocktail', where: null },
    ];
    return all.filter((change) => of === undefined || change.of === of);
  }

  classifier() {
    return { loaded: false, rules: [{ where: '#lobby', value: 'blur' }] };
  }

  pictures() {
    return { files: 1234, bytes: 2.1e9 };
  }
}

/** What runs beside the core. */
export function fakeOperations(folder = '/nowhere'): Operations & { readonly given: Map<string, WorkerOrder> } {
  const given = new Map<string, WorkerOrder>();
  let keys: ApiKey[] = [];
  const worker = {
    ...({
      id: '0123456789abcdef',
      name: 'cellar',
      state: 'accepted',
      reason: null,
      since: Date.now() - 3_600_000,
    } as const),
    ...{ provider: 'cuda', hardware: 'H100', paints: 'base', steps: { prior: 0.021, decoder: 0.048 } },
    ...{ painted: 31, lost: 1, lastError: 'The connection was lost.' },
  };
  return {
    given,
    models: new ModelManager({ WUERST_MODELS: folder }),
    keys: {
      all: () => keys,
      create(key) {
        keys = [...keys, { ...key, id: `key${keys.length}`, webhook: undefined, createdAt: NOON, usedAt: null }];
        return 'sk-wuerst-abcdefghijkl-0123456789abcdefghijklmnopqrstuv';
      },
      revoke(id) {
        const [revoked = null] = keys.filter((key) => key.id === id);
        keys = keys.filter((key) => key.id !== id);
        return revoked;
      },
    },
    disk: async () => ({
      data: { folder: '/var/lib/wuerst', database: 48e6, free: 120e9 },
      models: { folder: '/var/lib/wuerst/models', bytes: 3.97e9, free: 120e9 },
    }),
    workers: {
      all: () => [worker],
      orders: () => Object.fromEntries(given),
      give: (name, order) => void (order === undefined ? given.delete(name) : given.set(name, order)),
    },
  };
}
