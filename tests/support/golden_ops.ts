/** Runs operator cases: results, and gradients for the stored cotangents, by every candidate that is asked for. */

import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { DType, HostArray, Tensor } from "../../src/graph/tensor.ts";
import type { StoredTensor } from "../../src/data/safetensors.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { add } from "../../src/ops/binary.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { assertClose } from "./close.ts";
import { type GoldenCase, goldenCases } from "./golden.ts";
import { gpuTest } from "./gpu.ts";

// deno-lint-ignore no-explicit-any
type Attrs = any;

/** Adds a case's operator to a graph; inputs in the order of the case. */
export type Builder = (g: Graph, inputs: Tensor[], attrs: Attrs, name: string) => Tensor;

const TYPES: Record<string, DType> = { F32: "f32", I32: "i32", U8: "bool" };

/** How a tensor of a case is given to the graph; bools are stored as bytes. */
function given(g: Graph, name: string, stored: StoredTensor): { tensor: Tensor; data: HostArray } {
  const data = stored.dtype === "U8" ? Uint32Array.from(stored.data) : stored.data as HostArray;
  return { tensor: g.input(name, stored.shape, TYPES[stored.dtype]!), data };
}

/** One test a case of `op` that is `wanted`, and one more for each of `forces`: candidates by operator name. */
export function testOperator(
  op: string,
  build: Builder,
  forces: readonly Readonly<Record<string, string>>[] = [{}],
  wanted: (entry: GoldenCase) => boolean = () => true,
): void {
  for (const test of goldenCases("ops", (c) => c.op === op && wanted(c))) {
    for (const force of forces) {
      const by = Object.values(force).join();
      gpuTest(`${test.name}${by ? ` by ${by}` : ""}`, async (gpu) => {
        const tensors = await test.load();
        const g = new Graph();
        const inputs = test.inputs.map((name) => given(g, name, tensors.get(name)!));
        const y = build(g, inputs.map((i) => i.tensor), test.attrs, test.name);
        g.output("y", y);
        const values: Record<string, HostArray> = {};
        test.inputs.forEach((name, i) => values[name] = inputs[i]!.data);
        const wrt = Object.keys(test.grads ?? {});
        if (wrt.length > 0) {
          const seed = given(g, "d_y", tensors.get("d_y")!);
          values.d_y = seed.data;
          const sources = wrt.map((name) => inputs[test.inputs.indexOf(name)]!.tensor);
          gradient(g, [{ output: y, seed: seed.tensor }], sources, add).forEach((t, i) =>
            g.output(`grad.${wrt[i]}`, t!)
          );
        }
        const got = await execute(gpu, g, values, { target: targetOf(gpu.info, force) });
        check(test, tensors, got);
      });
    }
  }
}

function check(test: GoldenCase, tensors: ReadonlyMap<string, StoredTensor>, got: Record<string, HostArray>): void {
  assertClose(got.y!, Array.from(tensors.get("y")!.data, Number), test.tol, `${test.name} y`);
  for (const [name, stored] of Object.entries(test.grads ?? {})) {
    assertClose(got[`grad.${name}`]!, tensors.get(stored)!.data as Float32Array, test.tol, `${test.name} ${stored}`);
  }
}

/** An operator on [n, h, w, c] as the cases have it, on [n, c, h, w]. */
export function onImages(build: Builder): Builder {
  return (g, [x, ...rest], attrs, name) =>
    transpose(g, build(g, [transpose(g, x!, [0, 2, 3, 1]), ...rest], attrs, name), [0, 3, 1, 2]);
}
