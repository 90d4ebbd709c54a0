import type { Eta } from './job.ts';

export type ButtonStyle = 'primary' | 'secondary' | 'danger';

/** A form with one text. */
export interface Form {
  readonly title: string;
  readonly label: string;
  /** What it is prefilled with. */
  readonly value: string;
  /** In UTF-16 units. */
  readonly maxLength: number;
  /** It may be sent empty. @default false */
  readonly optional?: boolean;
}

export interface Button {
  /** `verb:id`, at most 64 characters; what `Core.act` takes. */
  readonly action: string;
  readonly label: string;
  /** The label without the picture's number, for surfaces that show the button beside its picture. @default label */
  readonly short?: string;
  readonly style: ButtonStyle;
  /** Ask before acting, with this question. */
  readonly confirm?: string;
  /** The action needs text (Remix): open a form. */
  readonly ask?: Form;
  readonly disabled?: boolean;
}

/** `Core.imagePath(fileIdOf(image))` gives its file. */
export interface ReplyImage {
  readonly id: string;
  /** What of the picture is shown. @default all of it */
  readonly version?: PictureVersion;
  /** Name to give the file, e.g. `a-red-fox-7.png`; `[a-z0-9.-]` only. */
  readonly fileName: string;
  readonly width: number;
  readonly height: number;
  /** What a screen reader says: the prompt. Untrusted. */
  readonly alt: string;
  readonly spoiler: boolean;
}

/** How a place shows a picture: as it is, behind a cover that a click takes away, blurred, or not at all. */
export type Cover = 'none' | 'spoiler' | 'blur' | 'block';

/** `blurred`, `covered` until somebody clicks, or, for moderators, the `original` of what others see so. */
export const PICTURE_VERSIONS = ['blurred', 'covered', 'original'] as const;
export type PictureVersion = (typeof PICTURE_VERSIONS)[number];

/** What is shown of a picture that is covered so; a blocked one has none. */
export function versionOf(cover: Cover): PictureVersion | undefined {
  if (cover === 'blur') return 'blurred';
  return cover === 'spoiler' ? 'covered' : undefined;
}

/** Names what is shown of a picture: another file where the picture's rules have changed. */
export function fileIdOf({
  id,
  version,
}: {
  readonly id: string;
  readonly version?: PictureVersion | undefined;
}): string {
  return version === undefined ? id : `${id}-${version}`;
}

/** The picture and the version that a `fileIdOf` names. */
export function pictureOfFile(fileId: string): { readonly id: string; readonly version?: PictureVersion } {
  const version = PICTURE_VERSIONS.find((one) => fileId.endsWith(`-${one}`));
  return version === undefined ? { id: fileId } : { id: fileId.slice(0, -version.length - 1), version };
}

/**
 * What a reply shows, for any platform. All strings are plain text and untrusted (they may hold a prompt):
 * the adapter escapes them, never the core.
 */
export interface Reply {
  readonly tone: 'normal' | 'error';
  /** One line: what this is about, usually the prompt. */
  readonly title: string;
  /** Further lines, each short. */
  readonly lines: readonly string[];
  /** Labelled values: the parameters of a picture, the settings of a guild. */
  readonly fields: readonly { readonly name: string; readonly value: string }[];
  readonly progress: { readonly fraction: number; readonly label: string } | null;
  readonly eta: Eta | null;
  /** A small image of the unfinished pictures: one alone, more on a grid of ⌈√count⌉ columns. */
  readonly preview: Uint8Array | null;
  /** Positions of the pictures in the preview, row by row. */
  readonly previewOf?: readonly number[];
  readonly images: readonly ReplyImage[];
  /**
   * Rows of buttons, most important first. A job of many pictures has more than any message can hold (every action for
   * each picture): an adapter shows as many as it can, and `show:<imageId>` brings the buttons of one picture.
   */
  readonly buttons: readonly (readonly Button[])[];
  /** Text to copy as it is (the command that makes this again), shown as code. */
  readonly code: string | null;
  /** Only the person who asked should see it, where the platform can do that. */
  readonly ephemeral: boolean;
}

export const EMPTY_REPLY: Reply = {
  tone: 'normal',
  title: '',
  lines: [],
  fields: [],
  progress: null,
  eta: null,
  preview: null,
  images: [],
  buttons: [],
  code: null,
  ephemeral: false,
};

/** One that only whoever asked sees. */
export const NOTICE: Reply = { ...EMPTY_REPLY, ephemeral: true };
