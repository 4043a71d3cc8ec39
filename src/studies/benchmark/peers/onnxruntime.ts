/** onnxruntime as a peer: `webgpu` and `wasm` of onnxruntime-web, `cpu` of onnxruntime-node. */

import { adapterName, load, serve } from "./serve.ts";

interface Tensor {
  readonly data: Float32Array;
}

interface OnnxRuntime {
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => Tensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: { executionProviders: string[] }): Promise<{
      run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>;
    }>;
  };
  readonly env: { readonly wasm: { numThreads: number } };
}

const [provider] = Deno.args as ["webgpu" | "wasm" | "cpu"];
const name = provider === "cpu" ? "onnxruntime-node" : "onnxruntime-web";

await serve(name, async ({ tensors, model }) => {
  const ort = await load<OnnxRuntime>(name, provider === "cpu" ? "" : `/${provider}`);
  // In Deno threads of the WASM build are slower than none (measured: a half to nine tenths of one thread's speed).
  if (provider !== "cpu") ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(model!, { executionProviders: [provider] });
  const feeds = Object.fromEntries(
    [...tensors].map(([key, { shape, data }]) => [key, new ort.Tensor("float32", data, shape)]),
  );
  const run = async () => (await session.run(feeds)).image!.data;
  const device = { webgpu: await adapterName(), wasm: "one thread", cpu: "all cores" }[provider];
  return {
    device,
    first: await run(),
    run: async (count) => {
      for (let i = 0; i < count; i++) await run();
      return null;
    },
  };
});
