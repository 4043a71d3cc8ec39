/** One device for all tests of a file, and a visible skip where there is none. */

import { type Gpu, openGpu } from "../../src/gpu/device.ts";

let opened: Promise<Gpu | null> | null = null;

/** The shared device; null, said once, where no adapter answers. With GPU=require that is a failure. */
export function sharedGpu(): Promise<Gpu | null> {
  opened ??= openGpu().catch((error) => {
    if (Deno.env.get("GPU") === "require") throw error;
    console.error(`tests on a GPU are skipped: ${error.message}`);
    return null;
  });
  return opened;
}

const gpu = await sharedGpu();

/** A test that needs a device. It is ignored, and counted as such, where there is none. */
export function gpuTest(name: string, body: (gpu: Gpu, t: Deno.TestContext) => Promise<void>): void {
  Deno.test({
    name,
    ignore: gpu === null,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: (t) => body(gpu!, t),
  });
}
