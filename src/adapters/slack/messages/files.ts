import { type Job, TERMINAL_STATES } from '../../../bot/job.ts';
import type { Reply, ReplyImage } from '../../../bot/reply.ts';
import type { Clock } from '../../../system/clock.ts';
import type { Logger } from '../../../system/logging.ts';
import type { Core } from '../../adapter.ts';
import { LOST_TOKEN, problemOf, Refused, Unanswered } from '../web-api/errors.ts';
import type { Workspace } from '../web-api/workspaces.ts';
import { type MessageRef, parseRef } from './message-ref.ts';
import type { ShownFiles } from './render.ts';
import { deleteFile, pictureFrom, previewPicture, upload, uploadsRefused, whenReady } from './uploads.ts';

/** The least time between two previews of one job, in ms. */
const PREVIEW_GAP = 8000;
/** Previews are left out while more jobs than this wait for an update. */
const PREVIEW_CROWD = 3;
/** How often Slack may not know a file that it said it had taken in. */
const DISTRUSTS = 5;
/** Files whose ids are remembered apart from their job's message. */
const REMEMBERED = 2000;

/** A job's message, as far as its pictures go. */
export interface Shown {
  readonly jobId: string;
  readonly ref: MessageRef;
  readonly workspace: Workspace;
}

/** An upload that no job's message of ours owns. */
interface Loose {
  readonly file: string;
  readonly image: string;
  readonly workspace: Workspace;
}

interface PictureOptions {
  readonly core: Core;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type Pictures = ReturnType<typeof createPictures>;

/** The files behind the messages: uploaded once, noted before Slack keeps them, deleted when nothing shows them. */
export function createPictures({ core, clock, logger }: PictureOptions) {
  const previews = new Map<string, { uploading: string | null; busy: boolean; at: number }>();
  const distrusted = new Map<string, number>();
  /** By workspace and image. */
  const loose = new Map<string, Loose>();

  function shownFiles(ref: MessageRef, reply: Reply): ShownFiles {
    const ready = Object.entries(ref.files).filter(([, file]) => file.ready);
    return {
      images: new Map(ready.map(([image, file]) => [image, file.id])),
      preview: reply.preview === null ? null : ref.preview,
    };
  }

  async function ensureFile(
    { workspace, ref }: Omit<Shown, 'jobId'>,
    image: ReplyImage,
    save: () => void,
  ): Promise<void> {
    const known = ref.files[image.id];
    if (known?.ready) return;
    if (known && (await arrives(workspace, known.id))) {
      known.ready = true;
      return save();
    }
    const path = await core.imagePath(image.id);
    if (path === null) return;
    const picture = await pictureFrom(path, image.fileName, image.alt);
    const file = { id: '', ready: false };
    const begun = (id: string) => {
      file.id = id;
      ref.files[image.id] = file;
      save();
    };
    await upload(workspace, picture, { begun, urgency: 'final' });
    try {
      await whenReady(workspace, file.id, { clock, urgency: 'final' });
      file.ready = true;
    } catch (error) {
      if (error instanceof Unanswered) abandon(ref, image.id);
      throw error;
    } finally {
      save();
    }
  }

  /** Whether a file that an earlier try uploaded comes to be. */
  async function arrives(workspace: Workspace, file: string): Promise<boolean> {
    try {
      await whenReady(workspace, file, { clock, urgency: 'final' });
      return true;
    } catch (error) {
      const problem = problemOf(error);
      if (problem instanceof Refused && /^file_(not_found|deleted)$/.test(problem.code)) return false;
      throw problem;
    }
  }

  function abandon(ref: MessageRef, image: string): void {
    const file = ref.files[image];
    if (file) ref.stale.push(file.id);
    delete ref.files[image];
  }

  /** Uploads what is missing. Resolves with why pictures cannot be shown here at all, or `null`. */
  async function prepare(shown: Shown, images: readonly ReplyImage[], save: () => void): Promise<string | null> {
    const results = await Promise.allSettled(images.map((image) => ensureFile(shown, image, save)));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [problemOf(result.reason)] : []));
    const passing = failures.find((failure) => uploadsRefused(failure) === null);
    if (passing) throw passing;
    const refused = failures.map(uploadsRefused)[0] ?? null;
    if (refused !== null && !shown.ref.note?.includes(refused)) {
      shown.ref.note = [shown.ref.note, refused].filter((note) => note !== null).join(' ');
      save();
    }
    return refused;
  }

  /** Slack did not know a file of the message: they are looked at again. `false` after too many times. */
  function distrust({ jobId, ref }: Shown, images: readonly ReplyImage[]): boolean {
    const times = (distrusted.get(jobId) ?? 0) + 1;
    distrusted.set(jobId, times);
    for (const { id } of images) {
      const file = ref.files[id];
      if (file && times === DISTRUSTS) abandon(ref, id);
      else if (file) file.ready = false;
    }
    return times <= DISTRUSTS;
  }

  /** Uploads a preview if the workspace has calls to spare, and then calls `ready`. */
  function offerPreview(
    shown: Shown,
    data: Uint8Array,
    { save, ready }: { readonly save: () => void; readonly ready: () => void },
  ): void {
    const { jobId, ref, workspace } = shown;
    const state = previews.get(jobId) ?? { uploading: null, busy: false, at: Number.NEGATIVE_INFINITY };
    const crowded = workspace.updates.size > PREVIEW_CROWD || workspace.uploads.size > 0;
    if (state.busy || crowded || clock.now() - state.at < PREVIEW_GAP) return;
    previews.set(jobId, state);
    state.busy = true;
    state.at = clock.now();
    const begun = (file: string) => {
      state.uploading = file;
      ref.stale.push(file);
      save();
    };
    upload(workspace, previewPicture(data), { begun, urgency: 'progress' })
      .then(async (file) => {
        await whenReady(workspace, file, { clock, urgency: 'progress' });
        const job = core.job(jobId);
        if (!job || TERMINAL_STATES.includes(job.state)) return;
        ref.stale = ref.stale.filter((id) => id !== file);
        if (ref.preview !== null) ref.stale.push(ref.preview);
        ref.preview = file;
        save();
        ready();
      })
      .catch((error: unknown) => {
        logger.debug({ job: jobId, problem: problemOf(error).message }, 'slack: a preview could not be uploaded');
      })
      .finally(() => {
        state.uploading = null;
        state.busy = false;
      });
  }

  /** The preview is not to be shown (any more). */
  function forgetPreview({ ref }: Shown): void {
    if (ref.preview !== null) ref.stale.push(ref.preview);
    ref.preview = null;
  }

  /** The message was brought up to date: files that it showed before go. */
  async function sweep({ jobId, ref, workspace }: Shown, save: () => void): Promise<void> {
    const uploading = previews.get(jobId)?.uploading ?? null;
    for (const file of ref.stale.filter((id) => id !== uploading)) {
      try {
        await deleteFile(workspace, file);
      } catch (error) {
        const problem = problemOf(error);
        if (!(problem instanceof Refused) || LOST_TOKEN.has(problem.code)) throw problem;
        logger.warn({ job: jobId, file, problem: problem.message }, 'slack: a file could not be deleted');
      }
      ref.stale = ref.stale.filter((id) => id !== file);
      save();
    }
  }

  /** After the final update: the preview and the files of deleted images go. */
  async function tidy(shown: Shown, job: Job, save: () => void): Promise<void> {
    const { ref } = shown;
    forgetPreview(shown);
    for (const { id, deleted } of job.images) if (deleted) abandon(ref, id);
    await sweep(shown, save);
    await discard(job);
    previews.delete(job.id);
    distrusted.delete(job.id);
  }

  /** The message of the job that made the image, if it is one of this workspace. */
  function ownerOf(workspace: Workspace, imageId: string): { readonly job: string; readonly ref: MessageRef } | null {
    const job = core.jobOfImage(imageId);
    const ref = job?.caller.surface === 'slack' ? parseRef(core.message(job.id)) : null;
    return job && ref?.team === workspace.team ? { job: job.id, ref } : null;
  }

  /** A file that shows the image: the one in its job's message where that is known, else a new one. */
  async function fileOf(workspace: Workspace, { id, fileName, alt }: ReplyImage): Promise<string | null> {
    const known = ownerOf(workspace, id)?.ref.files[id];
    if (known?.ready) return known.id;
    const key = `${workspace.team} ${id}`;
    const other = loose.get(key);
    if (other) return other.file;
    const path = await core.imagePath(id);
    if (path === null) return null;
    const picture = await pictureFrom(path, fileName, alt);
    const file = await upload(workspace, picture, { begun: () => undefined, urgency: 'final' });
    await whenReady(workspace, file, { clock, urgency: 'final' });
    loose.set(key, { file, image: id, workspace });
    for (const old of loose.keys()) {
      if (loose.size <= REMEMBERED) break;
      loose.delete(old);
    }
    return file;
  }

  /** Images of the job were deleted: so are the files that other messages than its own show. */
  async function discard(job: Job): Promise<void> {
    const deleted = new Set(job.images.filter((image) => image.deleted).map(({ id }) => id));
    if (deleted.size === 0) return;
    for (const [key, { file, image, workspace }] of loose) {
      if (!deleted.has(image)) continue;
      await deleteFile(workspace, file);
      loose.delete(key);
    }
  }

  return { shownFiles, prepare, distrust, offerPreview, forgetPreview, sweep, tidy, fileOf, discard };
}
