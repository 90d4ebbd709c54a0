import { expected, UserError } from '../../system/errors.ts';
import { Adapter, type WeightedLora } from './adapter.ts';
import type { LoraFile } from './lora-file.ts';
import type { LoraPart } from './lora-keys.ts';

/** The LoRAs that are loaded, by name, and how strongly each is used. */
export class LoadedLoras {
  readonly #files = new Map<string, LoraFile>();
  #weights: ReadonlyMap<string, number> = new Map();

  get names(): string[] {
    return [...this.#files.keys()];
  }

  /** Names and weights of those in use. */
  get weights(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#weights);
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** @throws UserError `lora_name_taken` */
  add(name: string, file: LoraFile): void {
    if (this.has(name)) {
      throw new UserError('lora_name_taken', `A LoRA of the name ${JSON.stringify(name)} is loaded already.`, {
        hint: 'Give it another name: loadLora(path, { name: "other" }).',
      });
    }
    this.#files.set(name, file);
  }

  remove(name: string): void {
    this.#files.delete(name);
    this.#weights = new Map([...this.#weights].filter(([used]) => used !== name));
  }

  /** Those that are not named are not used. @throws UserError `lora_unknown`, `lora_weight_invalid` */
  use(weights: Readonly<Record<string, number>>): void {
    for (const [name, weight] of Object.entries(weights)) {
      if (!this.has(name)) {
        const known = this.names.map((one) => JSON.stringify(one)).join(', ') || 'none';
        throw expected('lora_unknown', `the name of a loaded LoRA (${known})`, JSON.stringify(name));
      }
      if (!Number.isFinite(weight)) {
        throw expected(
          'lora_weight_invalid',
          `the weight of ${name} to be a number`,
          String(weight),
          'For example 0.8.',
        );
      }
    }
    this.#weights = new Map(Object.entries(weights));
  }

  /** What those in use change in a network. */
  adapter(part: LoraPart): Adapter | null {
    const used: WeightedLora[] = [...this.#weights].flatMap(([name, weight]) => {
      const file = this.#files.get(name);
      return file ? [{ file, weight }] : [];
    });
    return Adapter.of(used, part);
  }
}
