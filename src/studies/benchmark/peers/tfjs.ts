/**
 * TensorFlow.js on its WebGPU backend as a peer: kernels as the backend has them, and a SimCLR step of ResNet-50 by
 * tf.variableGrads. Running statistics, which no gradient needs, are left out.
 */

import type { Spec } from "../works.ts";
import { adapterName, type GivenWork, load, type PeerWork, serve } from "./serve.ts";
import { bottlenecks } from "./resnet50.ts";

interface Tensor {
  readonly shape: number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface Variable extends Tensor {
  readonly name: string;
  assign(value: Tensor): void;
}

interface Tfjs {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  getBackend(): string;
  backend(): {
    readonly device: GPUDevice;
    readonly commandEncoder?: GPUCommandEncoder | null;
    endComputePassEncoder(): void;
    submitQueue(): void;
  };
  engine(): { runKernel(name: string, inputs: Record<string, Tensor>, attributes: Record<string, unknown>): Tensor };
  tidy<T>(work: () => T): T;
  tensor(values: Float32Array, shape: readonly number[]): Tensor;
  variable(value: Tensor, trainable?: boolean): Variable;
  variableGrads(loss: () => Tensor, variables: Variable[]): { value: Tensor; grads: Record<string, Tensor> };
  conv2d(
    x: Tensor,
    w: Tensor,
    stride: number,
    pad: number,
    format: "NHWC",
    dilation: number,
    rounding: "floor",
  ): Tensor;
  maxPool(x: Tensor, size: number, stride: number, pad: number, rounding: "floor"): Tensor;
  batchNorm(x: Tensor, mean: Tensor, variance: Tensor, offset: Tensor, scale: Tensor, epsilon: number): Tensor;
  moments(x: Tensor, axes: number[]): { mean: Tensor; variance: Tensor };
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor | number): Tensor;
  div(a: Tensor, b: Tensor | number): Tensor;
  relu(x: Tensor): Tensor;
  exp(x: Tensor): Tensor;
  log(x: Tensor): Tensor;
  sqrt(x: Tensor): Tensor;
  square(x: Tensor): Tensor;
  sum(x: Tensor, axis?: number, keepDims?: boolean): Tensor;
  mean(x: Tensor, axes?: number[]): Tensor;
  max(x: Tensor, axis: number, keepDims: boolean): Tensor;
  zerosLike(x: Tensor): Tensor;
  transpose(x: Tensor): Tensor;
}

await serve("@tensorflow/tfjs-backend-webgpu", async (work) => {
  const tf = await load<Tfjs>("@tensorflow/tfjs-core");
  await load("@tensorflow/tfjs-backend-webgpu");
  await load("@tensorflow/tfjs-layers"); // registers every gradient
  await tf.setBackend("webgpu");
  await tf.ready();
  if (tf.getBackend() !== "webgpu") throw new Error(`tfjs took the backend ${tf.getBackend()}`);
  let failure: string | null = null;
  tf.backend().device.addEventListener("uncapturederror", (event) => {
    failure ??= (event as GPUUncapturedErrorEvent).error.message;
  });
  const device = await adapterName();
  const started = work.spec.kind === "step" ? await step(tf, work, work.spec) : await kernel(tf, work);
  const check = () => {
    if (failure) throw new Error(failure);
  };
  check();
  return {
    ...started,
    device,
    run: async (count) => {
      const loss = await started.run(count);
      check();
      return loss;
    },
  };
});

/** A lone kernel; its results stay on the device. */
async function kernel(tf: Tfjs, { spec, tensors }: GivenWork): Promise<Omit<PeerWork, "device">> {
  const t = Object.fromEntries([...tensors].map(([name, { shape, data }]) => [name, tf.tensor(data, shape)]));
  const run = kernelOf(tf, spec, t);
  const result = run();
  const first = await result.data();
  result.dispose();
  return {
    first,
    run: async (count) => {
      for (let i = 0; i < count; i++) run().dispose();
      await finished(tf);
      return null;
    },
  };
}

function kernelOf(tf: Tfjs, spec: Spec, { a, b, dc, x, w, dy }: Record<string, Tensor>): () => Tensor {
  if (spec.kind === "product") {
    return {
      forward: () => tf.matMul(a!, b!),
      da: () => tf.matMul(dc!, b!, false, true),
      db: () => tf.matMul(a!, dc!, true, false),
    }[spec.pass];
  }
  if (spec.kind !== "convolution") throw new Error(`tfjs is given no ${spec.kind}`);
  const geometry = { strides: [1, 1], pad: "same", dataFormat: "NHWC" };
  const gradient = (name: string, inputs: Record<string, Tensor>, shape: object) =>
    tf.engine().runKernel(name, inputs, { ...geometry, ...shape });
  return {
    forward: () => tf.conv2d(x!, w!, 1, (w!.shape[0]! - 1) / 2, "NHWC", 1, "floor"),
    dx: () => gradient("Conv2DBackpropInput", { dy: dy!, filter: w! }, { inputShape: imagesBefore(dy!, w!) }),
    dw: () => gradient("Conv2DBackpropFilter", { x: x!, dy: dy! }, { filterShape: spec.weights }),
  }[spec.pass];
}

/** [n, h, w, ci] of the images whose convolution by w has the shape of dy. */
function imagesBefore(dy: Tensor, w: Tensor): number[] {
  return [...dy.shape.slice(0, 3), w.shape[2]!];
}

/** Waits for all that was asked of the device. */
async function finished(tf: Tfjs): Promise<void> {
  const backend = tf.backend();
  if (backend.commandEncoder) {
    backend.endComputePassEncoder();
    backend.submitQueue();
  }
  await backend.device.queue.onSubmittedWorkDone();
}

/** The training step; each run reads its loss. */
async function step(
  tf: Tfjs,
  { tensors }: GivenWork,
  spec: Extract<Spec, { kind: "step" }>,
): Promise<Omit<PeerWork, "device">> {
  const parameters = new Map<string, Variable>();
  for (const [name, { shape, data }] of tensors) {
    if (isParameter(name)) parameters.set(name, tf.variable(asGiven(tf, shape, data)));
  }
  const all = [...parameters.values()];
  const momenta = all.map((p) => tf.variable(tf.zerosLike(p), false));
  const views = tf.tensor(tensors.get("views")!.data, tensors.get("views")!.shape);
  const batch = views.shape[0]!;
  const { positives, self } = pairs(batch);
  const [target, mask] = [tf.tensor(positives, [batch, batch]), tf.tensor(self, [batch, batch])];
  const loss = () => contrast(tf, project(tf, parameters, encode(tf, parameters, views)), target, mask, spec);
  const update = () =>
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(loss, all);
      all.forEach((p, i) => {
        const gradient = tf.add(grads[p.name]!, tf.mul(p, spec.weightDecay));
        momenta[i]!.assign(tf.add(tf.mul(momenta[i]!, spec.momentum), gradient));
        p.assign(tf.sub(p, tf.mul(momenta[i]!, spec.lr)));
      });
      return value;
    });
  const run = async () => {
    const value = update();
    const [loss] = await value.data();
    value.dispose();
    return loss!;
  };
  return { first: Float32Array.of(await run()), run: async (count) => await repeat(count, run) };
}

/**
 * A parameter; linear layers are [in, out] here. With the second operand turned, tfjs 4.22 multiplies [16, 2048] by
 * [128, 2048] wrongly on lavapipe.
 */
function asGiven(tf: Tfjs, shape: readonly number[], data: Float32Array): Tensor {
  if (shape.length !== 2) return tf.tensor(data, shape);
  return tf.tidy(() => tf.transpose(tf.tensor(data, shape)));
}

async function repeat(count: number, run: () => Promise<number>): Promise<number> {
  let last = NaN;
  for (let i = 0; i < count; i++) last = await run();
  return last;
}

/** Whether a tensor of the work is trained: not the inputs, and neither momenta nor running statistics. */
function isParameter(name: string): boolean {
  return /^(encoder|head)\..*\.(weight|bias)$/.test(name);
}

/** One at the other view of each row's sample, and a large negative number at the row itself. */
function pairs(batch: number): { positives: Float32Array; self: Float32Array } {
  const [positives, self] = [new Float32Array(batch * batch), new Float32Array(batch * batch)];
  for (let i = 0; i < batch; i++) {
    positives[i * batch + (i + batch / 2) % batch] = 1;
    self[i * batch + i] = -1e9;
  }
  return { positives, self };
}

/** Features [n, 2048] of ResNet-50. */
function encode(tf: Tfjs, parameters: ReadonlyMap<string, Variable>, views: Tensor): Tensor {
  const get = (name: string) => parameters.get(`encoder.${name}`)!;
  const conv = (x: Tensor, name: string, stride: number) => {
    const w = get(`${name}.weight`);
    return tf.conv2d(x, w, stride, (w.shape[0]! - 1) / 2, "NHWC", 1, "floor");
  };
  const norm = (x: Tensor, name: string) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return tf.batchNorm(x, mean, variance, get(`${name}.bias`), get(`${name}.weight`), 1e-5);
  };
  let x = tf.relu(norm(conv(views, "conv1", 2), "bn1"));
  x = tf.maxPool(x, 3, 2, 1, "floor");
  for (const { name, stride, shortcut } of bottlenecks()) {
    const skip = shortcut ? norm(conv(x, `${name}.downsample.0`, stride), `${name}.downsample.1`) : x;
    let y = tf.relu(norm(conv(x, `${name}.conv1`, 1), `${name}.bn1`));
    y = tf.relu(norm(conv(y, `${name}.conv2`, stride), `${name}.bn2`));
    y = norm(conv(y, `${name}.conv3`, 1), `${name}.bn3`);
    x = tf.relu(tf.add(y, skip));
  }
  return tf.mean(x, [1, 2]);
}

/** Unit vectors [n, 128]. */
function project(tf: Tfjs, parameters: ReadonlyMap<string, Variable>, features: Tensor): Tensor {
  const linear = (x: Tensor, name: string) =>
    tf.add(tf.matMul(x, parameters.get(`${name}.weight`)!), parameters.get(`${name}.bias`)!);
  const z = linear(tf.relu(linear(features, "head.0")), "head.2");
  return tf.div(z, tf.sqrt(tf.sum(tf.square(z), 1, true)));
}

function contrast(
  tf: Tfjs,
  z: Tensor,
  target: Tensor,
  mask: Tensor,
  { temperature, scale }: { temperature: number; scale: number },
): Tensor {
  const s = tf.add(tf.div(tf.matMul(z, z, false, true), temperature), mask);
  const most = tf.max(s, 1, true);
  const all = tf.add(tf.log(tf.sum(tf.exp(tf.sub(s, most)), 1, true)), most);
  return tf.mul(tf.mean(tf.sum(tf.mul(tf.sub(all, s), target), 1)), scale);
}
