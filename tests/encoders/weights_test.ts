/** Layouts, encoder files with torchvision's names, and what is said of files that do not fit. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/data/safetensors.ts";
import { initializeStates } from "../../src/encoders/init.ts";
import { resnet, resnetSpec } from "../../src/encoders/resnet.ts";
import { fromTorchLayout, loadEncoder, saveEncoder, toTorchLayout, toTorchShape } from "../../src/encoders/weights.ts";
import { UserError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { gpuTest } from "../support/gpu.ts";

Deno.test("a weight's element [kh, kw, ci, co] is torch's [co, ci, kh, kw]", () => {
  const [kh, kw, ci, co] = [2, 3, 4, 5];
  const data = Float32Array.from({ length: kh * kw * ci * co }, (_, i) => i);
  const torch = toTorchLayout([kh, kw, ci, co], data);
  assert.deepEqual(torch.shape, [co, ci, kh, kw]);
  const at = (o: number, i: number, h: number, w: number) => torch.data[((o * ci + i) * kh + h) * kw + w];
  assert.equal(at(3, 2, 1, 0), ((1 * kw + 0) * ci + 2) * co + 3);
  assert.equal(at(4, 0, 0, 2), ((0 * kw + 2) * ci + 0) * co + 4);
});

Deno.test("to torch's layout and back changes nothing", () => {
  const shape = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(shape, (dims) => {
    const data = Float32Array.from({ length: sizeOf(dims) }, (_, i) => i);
    const torch = toTorchLayout(dims, data);
    assert.deepEqual(torch.shape, toTorchShape(dims));
    assert.deepEqual(fromTorchLayout(torch.shape, torch.data), { shape: dims, data });
  }));
});

const SPEC = { arch: "resnet18", stem: "cifar", width: 4 } as const;

/** Shapes of a small encoder's states, and of a head's that is no part of it. */
function shapesOf(options: Parameters<typeof resnetSpec>[0] = SPEC): Map<string, readonly number[]> {
  const g = new Graph();
  resnet(g, g.input("x", [2, 16, 16, 3]), resnetSpec(options), true);
  g.state("head.0.weight", [4, 32]);
  return new Map([...g.states].map(([name, t]) => [name, t.shape]));
}

/** Runs `body` with a store of initial values and a folder for files. */
async function withStates(
  gpu: Gpu,
  shapes: ReadonlyMap<string, readonly number[]>,
  seed: number,
  body: (store: StateStore, folder: string) => Promise<void>,
): Promise<void> {
  const store = new StateStore(gpu);
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, shape] of shapes) store.reserve(name, shape);
    initializeStates(store, shapes, seed);
    await body(store, folder);
  } finally {
    store.close();
    await Deno.remove(folder, { recursive: true });
  }
}

gpuTest("an encoder's file has torchvision's names and shapes, and restores another encoder", async (gpu) => {
  const shapes = shapesOf();
  await withStates(gpu, shapes, 1, async (store, folder) => {
    const path = `${folder}/encoder.safetensors`;
    await saveEncoder(path, store, shapes, { arch: "resnet18" });
    const { tensors, metadata } = await readSafetensors(path);
    assert.equal(metadata.arch, "resnet18");
    assert.equal(tensors.size, shapes.size - 1, "the head is no part of it");
    assert.deepEqual(tensors.get("conv1.weight")!.shape, [4, 3, 3, 3]);
    assert.deepEqual(tensors.get("layer2.0.downsample.0.weight")!.shape, [8, 4, 1, 1]);
    assert.deepEqual(tensors.get("layer4.1.bn2.running_var")!.shape, [32]);
    await withStates(gpu, shapes, 2, async (other) => {
      const name = "encoder.layer3.0.conv1.weight";
      const size = sizeOf(shapes.get(name)!);
      const want = await store.read(name, size);
      assert.notDeepEqual(await other.read(name, size), want);
      await loadEncoder(path, other, shapes);
      assert.deepEqual(await other.read(name, size), want);
    });
  });
});

/** The message of loading a file made from good tensors by `change`. */
async function complaint(gpu: Gpu, change: (tensors: Map<string, StoredTensor>) => void): Promise<string> {
  const shapes = shapesOf();
  let message = "";
  await withStates(gpu, shapes, 1, async (store, folder) => {
    const path = `${folder}/encoder.safetensors`;
    await saveEncoder(path, store, shapes);
    const tensors = new Map((await readSafetensors(path)).tensors);
    change(tensors);
    await writeSafetensors(path, tensors);
    await assert.rejects(loadEncoder(path, store, shapes), (error) => {
      assert.ok(error instanceof UserError, String(error));
      message = error.message;
      return true;
    });
  });
  return message;
}

gpuTest("a file that does not fit names the tensor", async (gpu) => {
  assert.match(
    await complaint(gpu, (tensors) => tensors.delete("layer2.1.bn1.bias")),
    /lacks 1 .*encoder\.layer2\.1\.bn1\.bias/,
  );
  assert.match(
    await complaint(gpu, (tensors) => tensors.set("layer5.0.conv1.weight", tensors.get("conv1.weight")!)),
    /1 tensors that the encoder has not.*encoder\.layer5\.0\.conv1\.weight/,
  );
  const wide = { dtype: "F32", shape: [4, 3, 7, 7], data: new Float32Array(4 * 3 * 49) } as const;
  assert.match(
    await complaint(gpu, (tensors) => tensors.set("conv1.weight", wide)),
    /encoder\.conv1\.weight is F32 \[4,3,7,7\], the encoder takes F32 \[4,3,3,3\]/,
  );
});

gpuTest("torchvision's classifier and batch counts are left aside", async (gpu) => {
  const shapes = shapesOf();
  await withStates(gpu, shapes, 1, async (store, folder) => {
    const path = `${folder}/encoder.safetensors`;
    await saveEncoder(path, store, shapes);
    const tensors = new Map((await readSafetensors(path)).tensors);
    tensors.set("fc.weight", { dtype: "F32", shape: [10, 32], data: new Float32Array(320) });
    tensors.set("bn1.num_batches_tracked", { dtype: "I64", shape: [], data: BigInt64Array.of(7n) });
    await writeSafetensors(path, tensors);
    await loadEncoder(path, store, shapes);
  });
});
