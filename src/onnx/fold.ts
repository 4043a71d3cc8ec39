/** The registry of operators that are evaluated on the host: shape arithmetic and small constants fold at import. */

import { mathFolders } from "./fold_math.ts";
import { shapeFolders } from "./fold_shape.ts";
import type { Folder } from "./host.ts";

/** By operator name. */
export const folders: Readonly<Record<string, Folder>> = { ...mathFolders, ...shapeFolders };
