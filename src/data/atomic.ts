// Files that are either the old ones or the new ones, whenever the program is killed.
import { basename, dirname, join } from "node:path";

let serial = 0;

/** Writes beside `path`, forces the bytes to disk, then renames over `path`. Makes the folder. */
export async function writeAtomic(path: string, bytes: Uint8Array | string): Promise<void> {
  const folder = dirname(path);
  await Deno.mkdir(folder, { recursive: true });
  const beside = join(folder, `.${basename(path)}.${Deno.pid}.${serial++}.tmp`);
  try {
    const file = await Deno.open(beside, { write: true, create: true, truncate: true });
    try {
      let rest = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
      while (rest.length > 0) rest = rest.subarray(await file.write(rest));
      await file.sync();
    } finally {
      file.close();
    }
    await Deno.rename(beside, path);
  } catch (error) {
    await Deno.remove(beside).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
}

/** Makes the rename itself lasting; not every file system lets a folder be opened, which is no failure. */
async function syncFolder(folder: string): Promise<void> {
  try {
    using handle = await Deno.open(folder);
    await handle.sync();
  } catch { /* the file's own bytes are on disk either way */ }
}
