/** The fastest kernels of an adapter on disk: a JSON file for each adapter and version of the shaders. */

import type { AdapterInfo } from "./device.ts";
import { shadersDigest } from "./shader.ts";

/** Candidate by work (see workKey of graph/plan.ts). */
export type Picks = Map<string, string>;

/** Where an adapter's picks lie: XDG_CACHE_HOME, or .cache in the home folder; null where there is neither. */
export function picksPath({ name }: AdapterInfo): string | null {
  const home = Deno.env.get("HOME");
  const cache = Deno.env.get("XDG_CACHE_HOME") || (home ? `${home}/.cache` : "");
  const adapter = name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  return cache ? `${cache}/latent-views/kernels/${adapter}-${shadersDigest()}.json` : null;
}

/** The picks of an adapter; none where there is no file, or one that is no picks. */
export function loadPicks(info: AdapterInfo): Picks {
  const path = picksPath(info);
  try {
    const entries = Object.entries(JSON.parse(Deno.readTextFileSync(path!)));
    return new Map(entries.flatMap(([key, name]) => typeof name === "string" ? [[key, name]] : []));
  } catch {
    return new Map(); // a cache may be lost: what it held is measured again
  }
}

/** Writes the picks beside their file and renames them over it. A folder that cannot be written keeps none. */
export function savePicks(info: AdapterInfo, picks: Picks): void {
  const path = picksPath(info);
  if (!path) return;
  const beside = `${path}.${Deno.pid}`;
  try {
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(beside, JSON.stringify(Object.fromEntries(picks), null, 1));
    Deno.renameSync(beside, path);
  } catch { /* the next run measures again */ }
}
