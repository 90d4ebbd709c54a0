import type { ChangeKind } from './change-kinds.ts';
import type { Caller, Surface } from './job.ts';
import type { Reply } from './reply.ts';

/** A setting of a place, or of everywhere, as a form shows it. Values are as people type them. */
export interface Rule {
  readonly name: string;
  readonly description: string;
  readonly everywhere: boolean;
  /** What its value has to be, as a sentence. */
  readonly expected: string;
  /** What was set in exactly this place, of a rule that is a list of words; `null` of any other. */
  readonly words: readonly string[] | null;
  /** The only values that it has; empty where there are many. */
  readonly choices: readonly string[];
  readonly holds: string;
  /** What was set in exactly this place; `null` where nothing was. */
  readonly own: string | null;
  /** What holds where nothing is set. */
  readonly initial: string;
  readonly changed: { readonly by: string; readonly at: number } | null;
}

/** Somebody who has asked for pictures. */
export interface PersonReport {
  readonly surface: Surface;
  readonly user: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly lastSeen: number;
  /** Requests that wait or are painted, and how many there may be; `null` is no limit. */
  readonly unfinished: number;
  readonly mostUnfinished: number | null;
  /** Accelerator seconds of today, and how many there may be. */
  readonly seconds: number;
  readonly mostSeconds: number | null;
  /** May not use the bot, anywhere. */
  readonly blocked: boolean;
}

/** Something that an administrator or moderator changed. */
export interface ChangeReport {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What to call who did it. */
  readonly by: string;
  readonly what: string;
  /** A room, guild or workspace; `null` for what concerns no single one. */
  readonly where: string | null;
}

/** The picture classifier, as the bot uses it. */
export interface ClassifierReport {
  /** Whether pictures can be looked at since the start of the bot. */
  readonly loaded: boolean;
  /** Where a rule says what becomes of what it finds; `where` is `null` for everywhere. */
  readonly rules: readonly { readonly where: string | null; readonly value: string }[];
}

export interface PainterReport {
  readonly id: string;
  readonly name: string;
  readonly ready: boolean;
  readonly busy: boolean;
  readonly provider: string | null;
  readonly hardware: string | null;
  readonly styles: readonly string[];
  /** For a picture of the usual size and steps; `null` before any was measured. */
  readonly secondsPerPicture: number | null;
  /** What it paints: prompts where they may be read, else whose platform it is for. */
  readonly paints: readonly string[];
}

export interface FailureReport {
  readonly id: string;
  readonly surface: Surface;
  readonly room: string;
  readonly name: string;
  /** `null` for those of other platforms. */
  readonly prompt: string | null;
  readonly message: string;
  readonly code: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Where something that prompts name is kept: in files of the data folder, for everywhere, or for the place. */
export type KeptIn = 'folder' | 'everywhere' | 'place';

export interface KeptPreset {
  readonly name: string;
  readonly in: KeptIn;
  readonly prompt: string;
  readonly negative: string;
  /** As `key:value`. */
  readonly settings: string;
}

export interface KeptWildcard {
  readonly name: string;
  readonly in: KeptIn;
  /** One choice a line. */
  readonly list: string;
}

/** Where a preset can be changed here. */
export type SavedIn = Exclude<KeptIn, 'folder'>;

export interface NewPreset {
  readonly name: string;
  /** With `{prompt}` where what is typed goes, and settings. */
  readonly text: string;
  readonly negative: string;
  readonly in: SavedIn;
}

/**
 * What whoever runs the bot looks after. Every method throws `UserError` `admins_only` for anybody else, and what the
 * command for the same throws.
 */
export interface Administration {
  /** Of the caller's place, then of everywhere. */
  rules(caller: Caller): readonly Rule[];
  /** As `/wuerst settings name value`; `default` takes a value back. @param value words, for a rule that is a list */
  changeRule(caller: Caller, name: string, value: string | readonly string[]): void;
  /** Those seen last, whose name or id contains a text. */
  people(caller: Caller, containing: string): readonly PersonReport[];
  /** Keeps somebody from using the bot, everywhere; or lets them again. */
  block(caller: Caller, person: { readonly surface: Surface; readonly user: string }, blocked: boolean): void;
  painters(caller: Caller): readonly PainterReport[];
  /** Newest first. */
  failures(caller: Caller): readonly FailureReport[];
  /** Cancels anybody's request, on any platform. @throws UserError `job_unknown`, `already_finished` */
  cancel(caller: Caller, jobId: string): void;
  kept(caller: Caller): { readonly presets: readonly KeptPreset[]; readonly wildcards: readonly KeptWildcard[] };
  savePreset(caller: Caller, preset: NewPreset): Reply;
  /** @param file the text of A1111's styles.csv, or of Fooocus' JSON; `name` is its own, without its ending */
  importPresets(caller: Caller, given: { readonly in: SavedIn; readonly file: string; readonly name?: string }): Reply;
  deletePreset(caller: Caller, preset: { readonly in: SavedIn; readonly name: string }): Reply;
  /** Of the caller's place. @param list one choice a line */
  saveWildcard(caller: Caller, wildcard: { readonly name: string; readonly list: string }): Reply;
  deleteWildcard(caller: Caller, name: string): Reply;
  /** Who changed what, newest first. @param of @default everything */
  changes(caller: Caller, of?: ChangeKind): readonly ChangeReport[];
  classifier(caller: Caller): ClassifierReport;
  /** Picture files, and their bytes together. */
  pictures(caller: Caller): { readonly files: number; readonly bytes: number };
}
