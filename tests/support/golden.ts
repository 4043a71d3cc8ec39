/** Reference cases: PyTorch's results in ../shared/golden, or the few of them that are in tests/fixtures/golden. */

import { readSafetensors, type StoredTensor } from "../../src/data/safetensors.ts";

const SHARED = new URL("../../../shared/golden/", import.meta.url);
const FIXTURES = new URL("../fixtures/golden/", import.meta.url);

/** Groups that lie in the repository alone. */
const OWN: readonly string[] = ["objectives", "svm"];

/** A case that was read, of so many of its group. */
interface Told {
  readonly group: string;
  readonly name: string;
  readonly of: number;
}

/** One case, as cases.json describes it, with a reader for its tensors. */
export interface GoldenCase {
  readonly name: string;
  readonly op: string;
  // deno-lint-ignore no-explicit-any
  readonly attrs: any;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly cotangents: Readonly<Record<string, string>>;
  readonly grads: Readonly<Record<string, string>>;
  readonly scalars_f64: Readonly<Record<string, number>>;
  // deno-lint-ignore no-explicit-any
  readonly tol: any;
  /** The tensors of the case's file. */
  load(): Promise<ReadonlyMap<string, StoredTensor>>;
}

/** The folder that a group's cases are read from. */
export function goldenFolder(group: string): URL {
  return new URL(`${group}/`, readList(new URL(`${group}/`, SHARED)) ? SHARED : FIXTURES);
}

/** The cases of a group for which `wanted` holds. Says aloud when only the copies in the repository are there. */
export function goldenCases(group: string, wanted: (entry: GoldenCase) => boolean = () => true): GoldenCase[] {
  const folder = goldenFolder(group);
  const list = readList(folder) ?? [];
  if (!folder.href.startsWith(SHARED.href) && !OWN.includes(group)) {
    sayOnce(`golden/${group}: ../shared is absent, ${list.length} cases of the repository stand in`);
  }
  return list.map((entry) => ({
    ...entry,
    load: async () => {
      tell({ group, name: entry.name, of: list.length });
      return (await readSafetensors(new URL(entry.file, folder).pathname)).tensors;
    },
  })).filter(wanted);
}

/** The file in which the `test` task counts the cases that were read, a line of JSON for each. */
const TOLD = Deno.env.get("REFERENCE_CASES");

function tell(line: Told): void {
  if (TOLD) Deno.writeTextFileSync(TOLD, `${JSON.stringify(line)}\n`, { append: true });
}

const said = new Set<string>();

function sayOnce(line: string): void {
  if (!said.has(line)) console.error(line);
  said.add(line);
}

// deno-lint-ignore no-explicit-any
function readList(folder: URL): any[] | null {
  try {
    return JSON.parse(Deno.readTextFileSync(new URL("cases.json", folder))).cases;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
