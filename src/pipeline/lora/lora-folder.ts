import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../system/errors.ts';
import { hashFile } from '../../system/file-hash.ts';
import { ifThere } from '../../system/if-there.ts';
import { t } from '../../texts/translate.ts';
import type { LoraUse } from '../images/imagine-request.ts';

/** A LoRA on disk. */
export interface ShelvedLora {
  /** The file's name without its ending. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

const ENDING = /\.safetensors$/i;
/** Names that can be typed in a prompt: without what ends a name there, and without control characters; no hidden files. */
const TYPABLE = /^(?!\.)[^\p{C}:<>{}"']{1,100}$/u;

/** The LoRAs that people can ask for by name: the safetensors files of a folder, which may be missing. */
export class LoraFolder {
  readonly dir: string;
  /** As `refresh` found them last. */
  #known: readonly Pick<LoraUse, 'name' | 'hash'>[] = [];
  /** By path; a file of another size or time is read again. */
  readonly #hashes = new Map<string, { readonly state: string; readonly sha256: Promise<string> }>();

  constructor(dir: string) {
    this.dir = dir;
  }

  /** In the order of their names. */
  async list(): Promise<ShelvedLora[]> {
    const files = (await ifThere(readdir(this.dir))) ?? [];
    const found = files.map(async (file): Promise<ShelvedLora[]> => {
      const name = file.replace(ENDING, '');
      if (name === file || !TYPABLE.test(name)) return [];
      const path = join(this.dir, file);
      // What cannot even be looked at, such as a link in a circle, hides no other.
      const stats = await stat(path).catch(() => undefined);
      return stats?.isFile() ? [{ name, path, bytes: stats.size }] : [];
    });
    return (await Promise.all(found)).flat().sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Names and hashes, as {@link refresh} found them last. */
  get known(): readonly Pick<LoraUse, 'name' | 'hash'>[] {
    return this.#known;
  }

  /** Looks at the folder again; only files that are new or have changed are read. */
  async refresh(): Promise<void> {
    const found = (await this.list()).map(async (lora) => {
      // It may be gone again, or not be readable: then nobody can use it.
      const hash = await this.hashOf(lora).catch(() => undefined);
      return hash === undefined ? [] : [{ name: lora.name, hash }];
    });
    this.#known = (await Promise.all(found)).flat();
  }

  async has(name: string): Promise<boolean> {
    return (await this.list()).some((lora) => lora.name === name);
  }

  /** By its name, in capitals or not. @throws UserError `lora_missing` */
  async find(name: string): Promise<ShelvedLora> {
    const all = await this.list();
    const fold = (text: string) => text.normalize('NFC').toLowerCase();
    const found = all.find((lora) => lora.name === name) ?? all.find((lora) => fold(lora.name) === fold(name));
    if (found) return found;
    throw missing(name, all);
  }

  /** SHA-256 of the file, in hex. */
  async hashOf({ path }: ShelvedLora): Promise<string> {
    const { size, mtimeMs } = await stat(path);
    const state = `${size} ${mtimeMs}`;
    const known = this.#hashes.get(path);
    if (known?.state === state) return known.sha256;
    const sha256 = hashFile(path, size).then((hashes) => hashes.sha256);
    this.#hashes.set(path, { state, sha256 });
    sha256.catch(() => this.#hashes.delete(path));
    return sha256;
  }

  /** The file that a request means, also under another name. @throws UserError `lora_missing`, `lora_changed` */
  async fileOf({ name, hash }: LoraUse): Promise<ShelvedLora> {
    const all = await this.list();
    const named = all.filter((lora) => lora.name === name);
    for (const lora of [...named, ...all]) {
      const own = await this.hashOf(lora).catch(() => undefined);
      if (own === hash) return lora;
    }
    if (named.length === 0) throw missing(name, all);
    throw new UserError(
      'lora_changed',
      t('The LoRA {name} is another file than the one that this was made with.', { name }),
      {
        hint: t('Its SHA-256 was {hash}…; ask anew to use the file that is here now.', { hash: hash.slice(0, 12) }),
      },
    );
  }
}

function missing(name: string, all: readonly ShelvedLora[]): UserError {
  const names = all.slice(0, 20).map((lora) => lora.name);
  return new UserError('lora_missing', t('There is no LoRA {name} here.', { name: JSON.stringify(name) }), {
    hint: names.length > 0 ? t('There are: {names}.', { names: names.join(', ') }) : t('There are none yet.'),
  });
}
