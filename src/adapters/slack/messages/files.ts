import { isOver, type Job } from '../../../bot/job.ts';
import { fileIdOf, pictureOfFile, type Reply, type ReplyImage } from '../../../bot/reply.ts';
import { t } from '../../../texts/translate.ts';
import type { Delivery } from '../../delivery/job-message.ts';
import { previewName } from '../../delivery/progress.ts';
import { LOST_TOKEN, problemOf, Refused, Unanswered } from '../web-api/errors.ts';
import type { Workspace } from '../web-api/workspaces.ts';
import type { MessageRef } from './message-ref.ts';
import type { ShownFiles } from './render.ts';
import type { SharedFiles } from './shared-files.ts';
import { deleteFile, upload, uploadImage, uploadsRefused, whenReady } from './uploads.ts';

/** The least time between two previews of one job, in ms. */
const PREVIEW_GAP = 8000;
/** Previews are left out while more jobs than this wait for an update. */
const PREVIEW_CROWD = 3;
/** How often a file may be rechecked that Slack said it had taken in and then did not know. */
const RECHECKS = 5;

/** A job's message, as far as its pictures go. */
interface PicturedMessage {
  readonly jobId: string;
  readonly ref: MessageRef;
  readonly workspace: Workspace;
  /** Another message shows the job now, which does not know of files that are begun from now on. */
  readonly dropped: boolean;
  save(): void;
  touch(): void;
}

/** The files behind one message: uploaded once, noted before Slack keeps them, deleted when nothing shows them. */
export class MessageFiles {
  readonly #message: PicturedMessage;
  readonly #delivery: Delivery;
  readonly #shared: SharedFiles;
  /** The preview that is on its way to Slack, and its id: it is among the stale files until it is shown. */
  #uploading: Promise<string> | null = null;
  #coming: string | null = null;
  #previewAt = Number.NEGATIVE_INFINITY;
  #rechecks = 0;

  constructor(message: PicturedMessage, delivery: Delivery, shared: SharedFiles) {
    this.#message = message;
    this.#delivery = delivery;
    this.#shared = shared;
  }

  /** What can be shown of a reply. */
  shown(reply: Reply): ShownFiles {
    const { ref } = this.#message;
    const ready = Object.entries(ref.files).filter(([, file]) => file.ready);
    return {
      images: new Map(ready.map(([image, file]) => [image, file.id])),
      preview: reply.preview === null ? null : ref.preview,
    };
  }

  /** Uploads what is missing. Resolves with why pictures cannot be shown here at all, or `null`. */
  async prepare(images: readonly ReplyImage[]): Promise<string | null> {
    const { ref } = this.#message;
    const results = await Promise.allSettled(images.map((image) => this.#ensureFile(image)));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [problemOf(result.reason)] : []));
    const passing = failures.find((failure) => uploadsRefused(failure) === null);
    if (passing) throw passing;
    const refused = failures.map(uploadsRefused)[0] ?? null;
    if (refused !== null && !ref.note?.includes(refused)) {
      ref.note = [ref.note, refused].filter((note) => note !== null).join(' ');
      this.#message.save();
    }
    return refused;
  }

  async #ensureFile(image: ReplyImage): Promise<void> {
    const { ref, workspace } = this.#message;
    const fileId = fileIdOf(image);
    const known = ref.files[fileId];
    if (known?.ready) return;
    if (known && (await this.#arrives(known.id))) {
      known.ready = true;
      return this.#message.save();
    }
    const path = await this.#delivery.core.imagePath(fileId);
    if (path === null) return;
    const file = { id: '', ready: false };
    const begun = (id: string) => {
      if (this.#message.dropped) throw new Error('Another message shows the job now.');
      file.id = id;
      ref.files[fileId] = file;
      this.#message.save();
    };
    await uploadImage(workspace, image, path, { marker: this.#delivery.core.marker, begun });
    try {
      await whenReady(workspace, file.id, { clock: this.#delivery.clock, urgency: 'final' });
      file.ready = true;
    } catch (error) {
      if (error instanceof Unanswered) this.#abandon(fileId);
      throw error;
    } finally {
      this.#message.save();
    }
  }

  /** Whether Slack takes in a file that an earlier try uploaded. */
  async #arrives(file: string): Promise<boolean> {
    try {
      await whenReady(this.#message.workspace, file, { clock: this.#delivery.clock, urgency: 'final' });
      return true;
    } catch (error) {
      const problem = problemOf(error);
      if (problem instanceof Refused && /^file_(not_found|deleted)$/.test(problem.code)) return false;
      throw problem;
    }
  }

  #abandon(fileId: string): void {
    const { ref } = this.#message;
    const file = ref.files[fileId];
    if (file) ref.stale.push(file.id);
    delete ref.files[fileId];
  }

  /** Slack did not know one of the files: all of them are checked again. `false` after too many times. */
  recheck(images: readonly ReplyImage[]): boolean {
    this.#rechecks++;
    for (const image of images) {
      const fileId = fileIdOf(image);
      const file = this.#message.ref.files[fileId];
      if (file && this.#rechecks === RECHECKS) this.#abandon(fileId);
      else if (file) file.ready = false;
    }
    return this.#rechecks <= RECHECKS;
  }

  /** Uploads a preview if the workspace has calls to spare; the message is then touched. */
  offerPreview(data: Uint8Array): void {
    const { jobId, ref, workspace } = this.#message;
    const { clock, logger } = this.#delivery;
    const crowded = workspace.updates.size > PREVIEW_CROWD || workspace.uploads.size > 0;
    if (this.#uploading !== null || crowded || clock.monotonic() - this.#previewAt < PREVIEW_GAP) return;
    this.#previewAt = clock.monotonic();
    const preview = { fileName: previewName(data), data, alt: t('Preview') };
    const begun = (file: string) => {
      if (this.#isOver() || this.#message.dropped) throw new Error('The preview is not needed any more.');
      this.#coming = file;
      ref.stale.push(file);
      this.#message.save();
    };
    this.#uploading = upload(workspace, preview, { begun, urgency: 'progress' });
    this.#showPreview(this.#uploading)
      .catch((error: unknown) => {
        logger.debug({ job: jobId, problem: problemOf(error).message }, 'slack: a preview could not be uploaded');
      })
      .finally(() => {
        this.#uploading = null;
        this.#coming = null;
      });
  }

  async #showPreview(uploading: Promise<string>): Promise<void> {
    const { ref, workspace } = this.#message;
    const file = await uploading;
    if (!this.#message.dropped) await whenReady(workspace, file, { clock: this.#delivery.clock, urgency: 'progress' });
    // Whatever took over may have tried to delete it before Slack kept it.
    if (this.#message.dropped && !this.#delivery.stopped) return deleteFile(workspace, file);
    if (this.#isOver()) return;
    ref.stale = ref.stale.filter((id) => id !== file);
    this.forgetPreview();
    ref.preview = file;
    this.#message.save();
    this.#message.touch();
  }

  #isOver(): boolean {
    const job = this.#delivery.core.job(this.#message.jobId);
    return job === null || isOver(job);
  }

  /** The preview is not shown any more. */
  forgetPreview(): void {
    const { ref } = this.#message;
    if (ref.preview !== null) ref.stale.push(ref.preview);
    ref.preview = null;
  }

  /** Deletes the files that the message does not show any more. */
  async deleteStale(): Promise<void> {
    const { jobId, ref, workspace } = this.#message;
    for (const file of ref.stale.filter((id) => id !== this.#coming)) {
      try {
        await deleteFile(workspace, file);
      } catch (error) {
        const problem = problemOf(error);
        if (!(problem instanceof Refused) || LOST_TOKEN.has(problem.code)) throw problem;
        const { team, enterprise } = ref;
        const handle = { team, enterprise, messages: [], files: [file] };
        this.#delivery.core.postings?.discard({ surface: 'slack', job: jobId }, handle);
        const log = { job: jobId, file, problem: problem.message };
        this.#delivery.logger.warn(log, 'slack: a file could not be deleted yet');
      }
      ref.stale = ref.stale.filter((id) => id !== file);
      this.#message.save();
    }
  }

  /** Deletes the preview and the files of pictures that are deleted or shown in another version, after the final update. */
  async cleanUp(job: Job): Promise<void> {
    // Slack would keep a file whose upload is completed after it was deleted.
    await this.#uploading?.catch(() => undefined);
    this.#coming = null;
    this.forgetPreview();
    const { core } = this.#delivery;
    const shown = new Set(core.jobReply(job).images.map(fileIdOf));
    for (const { id, deleted, overruled } of job.images) {
      const versions = Object.keys(this.#message.ref.files).filter((fileId) => pictureOfFile(fileId).id === id);
      const gone = versions.filter((fileId) => deleted || (overruled !== undefined && !shown.has(fileId)));
      for (const fileId of gone) this.#abandon(fileId);
    }
    await this.deleteStale();
    await this.#shared.discard(job);
  }
}
