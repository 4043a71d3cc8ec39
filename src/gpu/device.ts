/** The adapter and the device: what it is, what it can, and how its errors reach the caller. */

import { WorkError } from "../errors.ts";

/** An open device with what the rest of the program asks of it. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly info: AdapterInfo;
  /** Rejects when the device is lost or reports an error outside any scope; never resolves. */
  readonly failed: Promise<never>;
  /** Throws the first error seen so far, if any. */
  check(): void;
  close(): void;
}

/** What is known of an adapter. */
export interface AdapterInfo {
  readonly name: string;
  readonly vendor: string;
  /** "cpu" for a software adapter such as lavapipe. */
  readonly kind: "cpu" | "gpu";
  readonly features: readonly string[];
  readonly limits: Readonly<Record<LimitName, number>>;
}

const LIMITS = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxStorageBuffersPerShaderStage",
  "maxStorageTexturesPerShaderStage",
  "maxTextureDimension2D",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupsPerDimension",
  "minStorageBufferOffsetAlignment",
] as const;
type LimitName = typeof LIMITS[number];

const NO_ADAPTER =
  "No WebGPU adapter answers: run `deno task doctor`, which says what is missing; on a machine without " +
  "a GPU install a software Vulkan driver (Debian: mesa-vulkan-drivers)";

/** The adapter that Deno offers first. Throws WorkError with the remedy when there is none. */
export async function findAdapter(): Promise<{ adapter: GPUAdapter; info: AdapterInfo }> {
  setDriverEnvironment();
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new WorkError(NO_ADAPTER);
  const { description, vendor, device } = adapter.info;
  const limits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name] as number]));
  const name = description || device || "unnamed adapter";
  const info: AdapterInfo = {
    name,
    vendor,
    kind: /llvmpipe|lavapipe|swiftshader|software/i.test(name) ? "cpu" : "gpu",
    features: [...adapter.features].map(String).sort(),
    limits: limits as Record<LimitName, number>,
  };
  return { adapter, info };
}

/** What Mesa's drivers look for in the environment when they start; what the user has set stays. */
function setDriverEnvironment(): void {
  // Without it a library of the driver prints an error line of its own on stderr.
  if (!Deno.env.get("XDG_RUNTIME_DIR")) Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
  // llvmpipe takes vectors of 256 bits where nobody asks for more: matrix products are half as fast again with 512.
  if (!Deno.env.get("LP_NATIVE_VECTOR_WIDTH") && hasAvx512()) Deno.env.set("LP_NATIVE_VECTOR_WIDTH", "512");
}

function hasAvx512(): boolean {
  try {
    return /^flags\b.*\bavx512vl\b/m.test(Deno.readTextFileSync("/proc/cpuinfo"));
  } catch {
    return false; // no Linux, and so no such file
  }
}

/** Features that are used where an adapter has them: timestamps of profiles, and operands of half precision. */
const FEATURES = ["timestamp-query", "shader-f16"] as const;

/** Opens a device with the adapter's own limits, and the FEATURES that it has. */
export async function openGpu(): Promise<Gpu> {
  const { adapter, info } = await findAdapter();
  const { minStorageBufferOffsetAlignment: _, ...requiredLimits } = info.limits;
  const requiredFeatures = FEATURES.filter((f) => adapter.features.has(f));
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  let first: Error | null = null;
  let closed = false;
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {}); // those who wait see it; check() tells the others
  const fail = (message: string) => {
    if (closed || first) return;
    first = new WorkError(message);
    reject(first);
  };
  device.lost.then((lost) => fail(`The device ${info.name} was lost (${lost.reason}): ${lost.message}`));
  device.addEventListener("uncapturederror", (event) => {
    fail(`WebGPU: ${oneLine((event as GPUUncapturedErrorEvent).error.message)}`);
  });
  return {
    device,
    info,
    failed,
    check: () => {
      if (first) throw first;
    },
    close: () => {
      closed = true;
      device.destroy();
    },
  };
}

/** Runs `work` in error scopes; a validation or memory error becomes a WorkError that begins with `what`. */
export async function scoped<T>(device: GPUDevice, what: string, work: () => T | Promise<T>): Promise<T> {
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  let result: T;
  try {
    result = await work();
  } finally {
    const errors = [await device.popErrorScope(), await device.popErrorScope()];
    const error = errors.find((e) => e);
    // deno-lint-ignore no-unsafe-finally
    if (error) throw new WorkError(`${what}: ${oneLine(error.message)}`);
  }
  return result;
}

/** A driver's message of several lines as one. */
function oneLine(message: string): string {
  return message.replace(/\s+/g, " ").trim();
}
