/**
 * jax-js on WebGPU as a peer, everything under jit: kernels, gradients by grad, and a SimCLR step of ResNet-50 by
 * valueAndGrad. An array is used up by what reads it, except where its `ref` is handed over. Images are [n, c, h, w],
 * weights [co, ci, kh, kw]. Running statistics, which no gradient needs, are left out.
 */

import type { Spec } from "../works.ts";
import { adapterName, type GivenWork, load, type PeerWork, serve } from "./serve.ts";
import { bottlenecks } from "./resnet50.ts";

interface Arr {
  readonly shape: number[];
  readonly ref: Arr;
  add(other: Arr | number): Arr;
  sub(other: Arr | number): Arr;
  mul(other: Arr | number): Arr;
  div(other: Arr | number): Arr;
  reshape(shape: readonly number[]): Arr;
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface Jax {
  init(device: string): Promise<string[]>;
  defaultDevice(device: string): void;
  jit<F>(f: F): F;
  grad(f: (...args: Arr[]) => Arr, options: { argnums: number }): (...args: Arr[]) => Arr;
  valueAndGrad(
    f: (parameters: Arr[], ...rest: Arr[]) => Arr,
    options: { argnums: number },
  ): (parameters: Arr[], ...rest: Arr[]) => [Arr, Arr[]];
  blockUntilReady(value: Arr | Arr[]): Promise<unknown>;
  readonly numpy: {
    array(values: Float32Array): Arr;
    zeros(shape: readonly number[]): Arr;
    matmul(a: Arr, b: Arr): Arr;
    transpose(a: Arr, axes?: readonly number[]): Arr;
    pad(x: Arr, widths: readonly (readonly [number, number])[]): Arr;
    mean(x: Arr, axis: readonly number[], options?: { keepdims: boolean }): Arr;
    sum(x: Arr, axis?: number, options?: { keepdims: boolean }): Arr;
    square(x: Arr): Arr;
    sqrt(x: Arr): Arr;
    max(x: Arr): Arr;
  };
  readonly nn: { relu(x: Arr): Arr; logSoftmax(x: Arr, axis: number): Arr };
  readonly lax: {
    convGeneralDilated(x: Arr, w: Arr, strides: number[], pads: [number, number][]): Arr;
    reduceWindow(x: Arr, f: (x: Arr) => Arr, window: number[], strides: number[]): Arr;
  };
}

await serve("@jax-js/jax", async (work) => {
  const jax = await load<Jax>("@jax-js/jax");
  if (!(await jax.init("webgpu")).includes("webgpu")) throw new Error("jax-js found no WebGPU device");
  jax.defaultDevice("webgpu");
  const started = work.spec.kind === "step" ? await step(jax, work, work.spec) : await kernel(jax, work);
  return { ...started, device: await adapterName() };
});

/** A lone kernel; its results stay on the device. */
async function kernel(jax: Jax, { spec, tensors }: GivenWork): Promise<Omit<PeerWork, "device">> {
  const t = Object.fromEntries([...tensors].map(([name, { shape, data }]) => [name, given(jax, name, shape, data)]));
  const [f, args, toOurs] = kernelOf(jax, spec, t);
  const compiled = jax.jit(f);
  const call = () => compiled(...args.map((arg) => arg.ref));
  const first = await (toOurs ? jax.numpy.transpose(call(), toOurs) : call()).data();
  return {
    first,
    run: async (count) => {
      const results = Array.from({ length: count }, call);
      await jax.blockUntilReady(results.at(-1)!);
      results.forEach((result) => result.dispose());
      return null;
    },
  };
}

/** A tensor of the work in jax's order of axes. */
function given(jax: Jax, name: string, shape: readonly number[], data: Float32Array): Arr {
  const array = jax.numpy.array(data).reshape(shape);
  if (shape.length !== 4) return array;
  const isWeight = name === "w" || name.endsWith(".weight");
  return jax.numpy.transpose(array, isWeight ? [3, 2, 0, 1] : [0, 3, 1, 2]);
}

type Kernel = [f: (...args: Arr[]) => Arr, args: Arr[], toOurs?: number[]];

function kernelOf(jax: Jax, spec: Spec, { a, b, dc, x, w, dy }: Record<string, Arr>): Kernel {
  const { numpy: np } = jax;
  if (spec.kind === "product") {
    return {
      forward: (): Kernel => [(a, b) => np.matmul(a, b), [a!, b!]],
      da: (): Kernel => [(dc, b) => np.matmul(dc, np.transpose(b)), [dc!, b!]],
      db: (): Kernel => [(a, dc) => np.matmul(np.transpose(a), dc), [a!, dc!]],
    }[spec.pass]();
  }
  if (spec.kind !== "convolution") throw new Error(`jax-js is given no ${spec.kind}`);
  const pad = (spec.weights[0]! - 1) / 2;
  const conv = (x: Arr, w: Arr) => convolve(jax, x, w, 1, pad);
  const loss = (x: Arr, w: Arr, dy: Arr) => np.sum(conv(x, w).mul(dy));
  // A convolution is linear in either operand: for the gradient to one, its own values do not matter.
  const [kh, kw, ci, co] = spec.weights as [number, number, number, number];
  const zeros = (shape: number[]) => np.zeros(shape);
  return {
    forward: (): Kernel => [conv, [x!, w!], [0, 2, 3, 1]],
    dx: (): Kernel => {
      const [n, , h, width] = dy!.shape as [number, number, number, number];
      return [jax.grad(loss, { argnums: 0 }), [zeros([n, ci, h, width]), w!, dy!], [0, 2, 3, 1]];
    },
    dw: (): Kernel => [jax.grad(loss, { argnums: 1 }), [x!, zeros([co, ci, kh, kw]), dy!], [2, 3, 1, 0]],
  }[spec.pass]();
}

function convolve({ lax }: Jax, x: Arr, w: Arr, stride: number, pad: number): Arr {
  return lax.convGeneralDilated(x, w, [stride, stride], [[pad, pad], [pad, pad]]);
}

/** The training step; each run reads its loss. */
async function step(
  jax: Jax,
  { tensors }: GivenWork,
  spec: Extract<Spec, { kind: "step" }>,
): Promise<Omit<PeerWork, "device">> {
  const { numpy: np } = jax;
  const names = [...tensors.keys()].filter((name) => /^(encoder|head)\..*\.(weight|bias)$/.test(name));
  const kernels = new Map(names.map((name) => [name, tensors.get(name)!.shape[0]!]));
  const array = (name: string) => given(jax, name, tensors.get(name)!.shape, tensors.get(name)!.data);
  const views = array("views");
  const batch = views.shape[0]!;
  const [target, mask] = pairs(jax, batch);
  const loss = (parameters: Arr[], x: Arr, target: Arr, mask: Arr) => {
    const byName = new Map(names.map((name, i) => [name, parameters[i]!]));
    const features = encode(jax, byName, kernels, x);
    return contrast(jax, project(jax, byName, features), target, mask, batch, spec);
  };
  const update = jax.jit((parameters: Arr[], momenta: Arr[], x: Arr, target: Arr, mask: Arr): [Arr, Arr[], Arr[]] => {
    const refs = parameters.map((p) => p.ref);
    const [value, gradients] = jax.valueAndGrad(loss, { argnums: 0 })(refs, x, target, mask);
    const [moved, kept]: [Arr[], Arr[]] = [[], []];
    parameters.forEach((p, i) => {
      const gradient = gradients[i]!.add(p.ref.mul(spec.weightDecay));
      const momentum = momenta[i]!.mul(spec.momentum).add(gradient);
      moved.push(p.sub(momentum.ref.mul(spec.lr)));
      kept.push(momentum);
    });
    return [value, moved, kept];
  });
  let state: [Arr[], Arr[]] = [names.map(array), names.map((name) => np.zeros(array(name).shape))];
  const run = async () => {
    const [value, moved, kept] = update(...state, views.ref, target.ref, mask.ref);
    state = [moved, kept];
    const [loss] = await value.data();
    await jax.blockUntilReady(moved);
    return loss!;
  };
  return {
    first: Float32Array.of(await run()),
    run: async (count) => {
      let last = NaN;
      for (let i = 0; i < count; i++) last = await run();
      return last;
    },
  };
}

/** One at the other view of each row's sample, and a large negative number at the row itself. */
function pairs({ numpy: np }: Jax, batch: number): [Arr, Arr] {
  const [positives, self] = [new Float32Array(batch * batch), new Float32Array(batch * batch)];
  for (let i = 0; i < batch; i++) {
    positives[i * batch + (i + batch / 2) % batch] = 1;
    self[i * batch + i] = -1e9;
  }
  return [np.array(positives).reshape([batch, batch]), np.array(self).reshape([batch, batch])];
}

/** Features [n, 2048] of ResNet-50. */
function encode(
  jax: Jax,
  parameters: ReadonlyMap<string, Arr>,
  kernels: ReadonlyMap<string, number>,
  views: Arr,
): Arr {
  const { numpy: np, nn, lax } = jax;
  const get = (name: string) => parameters.get(`encoder.${name}`)!;
  const conv = (x: Arr, name: string, stride: number) =>
    convolve(jax, x, get(`${name}.weight`), stride, (kernels.get(`encoder.${name}.weight`)! - 1) / 2);
  const norm = (x: Arr, name: string) => {
    const keep = { keepdims: true };
    const centered = x.sub(np.mean(x.ref, [0, 2, 3], keep));
    const variance = np.mean(np.square(centered.ref), [0, 2, 3], keep);
    const channels = (part: string) => get(`${name}.${part}`).reshape([1, -1, 1, 1]);
    return centered.div(np.sqrt(variance.add(1e-5))).mul(channels("weight")).add(channels("bias"));
  };
  let x = nn.relu(norm(conv(views, "conv1", 2), "bn1"));
  // After a ReLU a border of zeros wins no maximum that one of minus infinity would lose.
  x = lax.reduceWindow(np.pad(x, [[0, 0], [0, 0], [1, 1], [1, 1]]), np.max, [3, 3], [2, 2]);
  for (const { name, stride, shortcut } of bottlenecks()) {
    const skip = shortcut ? norm(conv(x.ref, `${name}.downsample.0`, stride), `${name}.downsample.1`) : x.ref;
    let y = nn.relu(norm(conv(x, `${name}.conv1`, 1), `${name}.bn1`));
    y = nn.relu(norm(conv(y, `${name}.conv2`, stride), `${name}.bn2`));
    y = norm(conv(y, `${name}.conv3`, 1), `${name}.bn3`);
    x = nn.relu(y.add(skip));
  }
  return np.mean(x, [2, 3]);
}

/** Unit vectors [n, 128]. */
function project({ numpy: np, nn }: Jax, parameters: ReadonlyMap<string, Arr>, features: Arr): Arr {
  const linear = (x: Arr, name: string) =>
    np.matmul(x, np.transpose(parameters.get(`${name}.weight`)!)).add(parameters.get(`${name}.bias`)!);
  const z = linear(nn.relu(linear(features, "head.0")), "head.2");
  return z.ref.div(np.sqrt(np.sum(np.square(z), 1, { keepdims: true })));
}

function contrast(
  { numpy: np, nn }: Jax,
  z: Arr,
  target: Arr,
  mask: Arr,
  batch: number,
  { temperature, scale }: { temperature: number; scale: number },
): Arr {
  const s = np.matmul(z.ref, np.transpose(z)).div(temperature).add(mask);
  return np.sum(nn.logSoftmax(s, 1).mul(target)).mul(-scale / batch);
}
