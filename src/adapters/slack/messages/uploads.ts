import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ReplyImage } from '../../../bot/reply.ts';
import { type Marker, UNMARKED } from '../../../marking/marker.ts';
import { type Clock, pause } from '../../../system/clock.ts';
import { t, translatable } from '../../../texts/translate.ts';
import type { UploadFile, UploadSteps } from '../web-api/api.ts';
import type { Urgency } from '../web-api/call-budget.ts';
import { Refused, Unanswered } from '../web-api/errors.ts';
import { type Workspace, within } from '../web-api/workspaces.ts';

/** Pauses before each check of whether Slack has taken a file in, in ms. It mostly has within a second; a minute in all. */
const CHECK_PAUSES = [400, 600, 1000, 1000, 2000, 2000, 3000, 5000, 5000, 10_000, 15_000, 15_000];

/** Uploads a file when the budget allows. Resolves with its id; it can be shown once `whenReady` resolves. */
export async function upload(
  { api, uploads }: Workspace,
  file: UploadFile,
  { urgency, ...steps }: UploadSteps & { readonly urgency: Urgency },
): Promise<string> {
  const alt = file.alt.slice(0, 1000).toWellFormed();
  // After a Retry-After it starts over with a new id; the old file was never completed, and Slack forgets it.
  return within(uploads, randomUUID(), urgency, () => api.upload({ ...file, alt }, steps));
}

interface ImageSteps {
  /** @default nothing is marked */
  readonly marker?: Marker | undefined;
  readonly begun: (file: string) => void;
}

/** Uploads a finished picture from its file. */
export async function uploadImage(
  workspace: Workspace,
  { fileName, alt }: ReplyImage,
  path: string,
  { marker = UNMARKED, begun }: ImageSteps,
): Promise<string> {
  const data = await marker.open(await readFile(path)).file();
  return upload(workspace, { fileName, data, alt }, { begun, urgency: 'final' });
}

/** Resolves once Slack has taken the file in, which it does some time after the upload. Rejects with `Unanswered` after a minute. */
export async function whenReady(
  { api, fileChecks }: Workspace,
  file: string,
  { clock, urgency }: { readonly clock: Clock; readonly urgency: Urgency },
): Promise<void> {
  for (const wait of CHECK_PAUSES) {
    await pause(clock, wait);
    if (await within(fileChecks, file, urgency, () => api.fileReady(file))) return;
  }
  throw new Unanswered(`Slack did not take in file ${file} within a minute.`);
}

/** Deletes a file for good. Succeeds if it is gone already. */
export async function deleteFile({ api }: Workspace, file: string): Promise<void> {
  try {
    await api.deleteFile(file);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.code !== 'file_not_found' && error.code !== 'file_deleted') throw error;
  }
}

/** What people are told where pictures cannot be uploaded, by Slack's error code. */
const NO_UPLOADS: Readonly<Record<string, string>> = {
  missing_scope: translatable(
    "I lack the permission files:write here, so the pictures can't be shown. An admin can reinstall me.",
  ),
  file_uploads_disabled: translatable(
    "This workspace doesn't allow file uploads, so the pictures can't be shown. An admin can.",
  ),
  file_upload_disabled: translatable(
    "This workspace doesn't allow file uploads, so the pictures can't be shown. An admin can.",
  ),
  file_type_not_allowed: translatable(
    "This workspace doesn't allow image files, so the pictures can't be shown. An admin can.",
  ),
  blocked_file_type: translatable(
    "This workspace doesn't allow image files, so the pictures can't be shown. An admin can.",
  ),
  storage_limit_reached: translatable("This workspace's file storage is full, so the pictures can't be shown."),
  slack_connect_file_upload_sharing_blocked: translatable("File uploads aren't allowed in this shared channel."),
};

/** A sentence that says why no picture can be uploaded here, if the error is permanent; else `null`. */
export function uploadsRefused(error: unknown): string | null {
  const why = error instanceof Refused ? NO_UPLOADS[error.code] : undefined;
  return why === undefined ? null : t(why);
}
