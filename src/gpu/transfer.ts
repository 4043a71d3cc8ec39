/** Copies from GPU memory to the host. */

import type { Gpu } from "./device.ts";

/** Copies `bytes` of a buffer to the host after all work submitted so far. */
export async function readBuffer(gpu: Gpu, buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
  const { device } = gpu;
  const size = Math.max(4, Math.ceil(bytes / 4) * 4);
  const staging = device.createBuffer({
    size,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    label: "read-back",
  });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  try {
    await Promise.race([staging.mapAsync(GPUMapMode.READ), gpu.failed]);
    gpu.check();
    return staging.getMappedRange().slice(0, bytes);
  } finally {
    staging.destroy();
  }
}
