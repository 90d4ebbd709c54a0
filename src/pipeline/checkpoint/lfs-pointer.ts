import { open } from 'node:fs/promises';
import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';

/** How the text begins that Git leaves in place of a large file which was not fetched. */
const START = 'version https://git-lfs.github.com/spec/';

export function isLfsPointer(text: string): boolean {
  return text.startsWith(START);
}

/** Whether a file is a pointer; one that cannot be read is not. */
export async function isLfsPointerFile(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(START.length), 0, START.length, 0);
      return isLfsPointer(buffer.toString('latin1', 0, bytesRead));
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

export function lfsPointerError(path: string): OperatorError {
  return new OperatorError(
    'lfs_pointer',
    () => t('The file {path} is a Git LFS pointer, not the file itself.', { path }),
    {
      hint: () => t('Run "git lfs install" and "git lfs pull" in the cloned repository, or "wuerst models pull".'),
    },
  );
}
