/** Paths of a user's files and of what the project brings along. */

import { fileURLToPath } from "node:url";

/** The folder that holds deno.json, models/ and tasks/. */
export const PROJECT_ROOT: string = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** A path as the user gave it where it exists, else the same path below the project, else as given. */
export function locate(path: string): string {
  if (exists(path) || path.startsWith("/")) return path;
  const own = `${PROJECT_ROOT}/${path}`;
  return exists(own) ? own : path;
}

/** Whether a file or folder is there. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
