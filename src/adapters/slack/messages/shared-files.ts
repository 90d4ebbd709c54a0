import type { Job } from '../../../bot/job.ts';
import { fileIdOf, type ReplyImage } from '../../../bot/reply.ts';
import type { Clock } from '../../../system/clock.ts';
import { RecentMap } from '../../../system/memo.ts';
import type { Core } from '../../adapter.ts';
import type { Workspace } from '../web-api/workspaces.ts';
import { parseRef } from './message-ref.ts';
import { deleteFile, uploadImage, whenReady } from './uploads.ts';

/** How many files are remembered. */
const REMEMBERED = 2000;

/** Files that show a picture in other messages than its job's own. */
export class SharedFiles {
  readonly #core: Core;
  readonly #clock: Clock;
  /** Uploads that are not part of a job's message, by workspace and image. */
  readonly #files = new RecentMap<
    string,
    { readonly file: string; readonly image: string; readonly workspace: Workspace }
  >(REMEMBERED);

  constructor(core: Core, clock: Clock) {
    this.#core = core;
    this.#clock = clock;
  }

  /** A file that shows the image: the one in its job's message if there is one, else a new one. */
  async fileOf(workspace: Workspace, image: ReplyImage): Promise<string | null> {
    const fileId = fileIdOf(image);
    const known = this.#filesOfJob(workspace, image.id)[fileId];
    if (known?.ready) return known.id;
    const key = `${workspace.team} ${fileId}`;
    const other = this.#files.get(key);
    if (other) return other.file;
    const path = await this.#core.imagePath(fileId);
    if (path === null) return null;
    const { team } = workspace;
    // Noted before Slack keeps it.
    const begun = (id: string) => {
      const job = this.#core.jobOfImage(image.id);
      const handle = { team, enterprise: workspace.enterprise, messages: [], files: [id] };
      if (job !== null) this.#core.postings?.save(job, image.id, handle);
    };
    const file = await uploadImage(workspace, image, path, { marker: this.#core.marker, begun });
    await whenReady(workspace, file, { clock: this.#clock, urgency: 'final' });
    this.#files.set(key, { file, image: image.id, workspace });
    return file;
  }

  /** Deletes the files of the job's pictures that were deleted, or hidden by a moderator. */
  async discard(job: Job): Promise<void> {
    const gone = job.images.filter(({ deleted, overruled }) => deleted || overruled === 'hidden');
    const deleted = new Set(gone.map(({ id }) => id));
    if (deleted.size === 0) return;
    for (const [key, { file, image, workspace }] of this.#files) {
      if (!deleted.has(image)) continue;
      await deleteFile(workspace, file);
      this.#files.delete(key);
    }
  }

  /** The files in the message of the job that made the image, if it is one of this workspace. */
  #filesOfJob(workspace: Workspace, imageId: string) {
    const job = this.#core.jobOfImage(imageId);
    const ref = job?.caller.surface === 'slack' ? parseRef(this.#core.message(job.id)) : null;
    return ref?.team === workspace.team ? ref.files : {};
  }
}
