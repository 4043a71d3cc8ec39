/** What `deno task doctor` finds out: adapter, Vulkan drivers and loader, and remedies for what is missing. */

import { messageOf } from "./errors.ts";
import { Graph } from "./graph/graph.ts";
import { unary } from "./ops/unary.ts";
import { exists } from "./paths.ts";
import { type AdapterInfo, findAdapter, openGpu } from "./gpu/device.ts";
import { execute } from "./gpu/execute.ts";

/** The state of the machine. */
export interface Diagnosis {
  readonly deno: string;
  readonly os: string;
  readonly adapter: AdapterInfo | null;
  /** Vulkan driver manifests (ICD files) found. */
  readonly drivers: readonly string[];
  /** Whether a shader ran and gave the right result. */
  readonly works: boolean;
  readonly problem: string | null;
  readonly hints: readonly string[];
}

const ICD_FOLDERS = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];
const LOADERS = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];

/** Looks at the machine and runs one shader. */
export async function diagnose(): Promise<Diagnosis> {
  const drivers = listDrivers();
  let adapter: AdapterInfo | null = null;
  let problem: string | null = null;
  try {
    adapter = (await findAdapter()).info;
    await tryShader();
  } catch (error) {
    problem = messageOf(error);
  }
  const works = adapter !== null && problem === null;
  const os = `${Deno.build.os} ${Deno.build.arch}`;
  return { deno: Deno.version.deno, os, adapter, drivers, works, problem, hints: hints(adapter, drivers) };
}

async function tryShader(): Promise<void> {
  const gpu = await openGpu();
  try {
    const g = new Graph();
    g.output("y", unary(g, "Neg", g.constant([1, -2, 3, 4, 5], [5])));
    const { y } = await execute(gpu, g);
    if (y!.join() !== "-1,2,-3,-4,-5") throw new Error(`A shader gave ${y!.join()} instead of -1,2,-3,-4,-5`);
  } finally {
    gpu.close();
  }
}

function listDrivers(): string[] {
  const named = namedDrivers().map(({ path }) => path).filter(exists);
  const found = ICD_FOLDERS.flatMap((folder) => {
    try {
      return [...Deno.readDirSync(folder)].map((entry) => `${folder}/${entry.name}`);
    } catch {
      return [];
    }
  });
  return [...new Set([...named, ...found])].filter((path) => path.endsWith(".json"));
}

/** Driver manifests that the environment names; the Vulkan loader then looks nowhere else. */
function namedDrivers(): { name: string; path: string }[] {
  return ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].flatMap((name) =>
    (Deno.env.get(name)?.split(":") ?? []).filter(Boolean).map((path) => ({ name, path }))
  );
}

function hints(adapter: AdapterInfo | null, drivers: readonly string[]): string[] {
  if (Deno.build.os !== "linux") return adapter ? [] : ["Deno finds no adapter: update the graphics driver"];
  const list: string[] = [];
  for (const { name, path } of namedDrivers()) {
    if (!exists(path)) list.push(`${name} names ${path}, which does not exist: correct it, or unset it`);
  }
  const nvidia = exists("/dev/nvidiactl") || exists("/proc/driver/nvidia/version");
  if (nvidia && adapter?.kind !== "gpu") {
    if (!drivers.some((path) => /nvidia/i.test(path))) {
      list.push(
        "An NVIDIA GPU is here but its Vulkan driver is not: start the container with " +
          "--gpus all -e NVIDIA_DRIVER_CAPABILITIES=all, or point VK_DRIVER_FILES at nvidia_icd.json",
      );
    }
    list.push("NVIDIA's Vulkan driver needs libGLX_nvidia and libEGL beside it: install libegl1 and libglvnd0");
  }
  const renderNode = exists("/dev/dri");
  if (renderNode && !nvidia && adapter?.kind === "cpu") {
    list.push("A render node /dev/dri is here but a software adapter answers: pass --device /dev/dri to the container");
  }
  const loader = LOADERS.some((folder) => exists(`${folder}/libvulkan.so.1`));
  if (!loader) list.push("The Vulkan loader is missing: install libvulkan1 (Debian, Ubuntu) or vulkan-loader (Fedora)");
  if (drivers.length === 0) {
    list.push(
      "No Vulkan driver is installed: mesa-vulkan-drivers (Debian) computes on the CPU, or install the GPU's own",
    );
  }
  if (adapter?.kind === "cpu") {
    list.push("This adapter is software: right for tests and small runs, slow for the paper's");
  }
  return list;
}
