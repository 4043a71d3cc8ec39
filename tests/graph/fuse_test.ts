/** Joining of nodes, by toy operators; the operators' own rules are tested with them. */

import assert from "node:assert/strict";
import { fuse } from "../../src/graph/fuse.ts";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph, printGraph } from "../../src/graph/graph.ts";
import { cover, input, type Node, type Op, output, plain, type Target } from "../../src/graph/op.ts";
import { plan } from "../../src/graph/plan.ts";

const target: Target = {
  kind: "cpu",
  maxBindingBytes: 2 ** 20,
  maxTextureRows: 64,
  maxIterations: 65535,
  maxBuffers: 8,
};

/** y = x + count, which takes over what is before it where it may. */
const Count: Op<{ readonly count: number }> = {
  name: "Count",
  infer: ([x]) => [x!],
  candidates: plain((node) => ({
    kernels: [{
      shader: "count",
      params: { count: node.attrs.count },
      bindings: [input(0), output(0)],
      workgroups: cover(1, 1),
    }],
  })),
  join: (node, { g, only }) => {
    const [x] = node.inputs;
    const maker = x!.producer;
    if (maker?.op !== Count || !only(x!)) return null;
    const count = maker.attrs.count + node.attrs.count;
    return [g.apply(Count, [maker.inputs[0]!], { count }, `${maker.name} + ${node.name}`)];
  },
  gradient: (_g, _node, [dy]) => [dy!],
};

const View: Op = { name: "View", infer: ([x]) => [x!], candidates: [], alias: true };

const Overwrite: Op = {
  name: "Overwrite",
  infer: () => [],
  mutates: [0],
  candidates: plain(() => ({
    kernels: [{ shader: "overwrite", bindings: [input(0), input(1)], workgroups: [1, 1, 1] }],
  })),
};

const counts = (g: Graph) => g.nodes.map((n: Node) => n.attrs.count);

Deno.test("a run of nodes that nobody else reads becomes one", async (t) => {
  const g = new Graph();
  let x = g.input("x", [4]);
  for (const count of [1, 2, 3]) x = g.apply(Count, [x], { count }, `count${count}`);
  g.output("y", x);
  await t.assertSnapshot(printGraph(g) + "\n\n" + printGraph(fuse(g, target)));
  assert.deepEqual(counts(g), [1, 2, 3]); // the graph itself stays as it was
  assert.deepEqual(plan(g, target).steps.length, 1);
  assert.deepEqual(plan(g, { ...target, fuse: false }).steps.length, 3);
});

Deno.test("what another node, the host or a later reader asks for stays", () => {
  const build = (more: (g: Graph, middle: ReturnType<Graph["input"]>) => void) => {
    const g = new Graph();
    const middle = g.apply(Count, [g.input("x", [4])], { count: 1 });
    more(g, middle);
    g.output("y", g.apply(Count, [middle], { count: 2 }));
    return counts(fuse(g, target)).sort();
  };
  assert.deepEqual(build(() => {}), [3]);
  assert.deepEqual(build((g, middle) => g.output("middle", middle)), [1, 2]);
  assert.deepEqual(build((g, middle) => g.output("z", g.apply(Count, [middle], { count: 4 }))), [1, 2, 4]);
  assert.deepEqual(build((g, middle) => g.add(Overwrite, [g.state("w", [4]), middle], {})), [1, 2, undefined]);
  // A reader that leads nowhere does not count.
  assert.deepEqual(build((g, middle) => g.apply(Count, [middle], { count: 4 })), [3]);
});

Deno.test("what is the same in every run is not done in every run", () => {
  const g = new Graph();
  const fixed = g.apply(Count, [g.apply(Count, [g.constant([1], [1])], { count: 1 })], { count: 2 });
  const state = g.state("w", [1]);
  const Sum: typeof Count = {
    ...Count,
    name: "Sum",
    join: (node, { only }) => {
      assert.ok(!only(node.inputs[0]!));
      return null;
    },
  };
  g.output("y", g.apply(Sum, [fixed, state], { count: 0 }));
  const { prologue, steps } = plan(g, target);
  assert.deepEqual(prologue.map((s) => s.node), ["Count + Count"]);
  assert.deepEqual(steps.map((s) => s.node), ["Sum"]);
});

Deno.test("nodes read what their inputs have become; untouched ones are the same objects", () => {
  const g = new Graph();
  const [x, w] = [g.input("x", [4]), g.state("w", [4])];
  const lone = g.apply(View, [w], {}, "lone");
  const joined = g.apply(Count, [g.apply(Count, [x], { count: 1 })], { count: 2 });
  g.add(Overwrite, [w, g.apply(View, [joined], {})], {});
  g.output("lone", lone);
  const fused = fuse(g, target);
  assert.equal(fused.nodes.find(({ name }) => name === "lone"), lone.producer);
  const [before, after] = [g, fused].map(({ nodes }) => nodes.find(({ op }) => op === Overwrite)!);
  assert.equal(after!.inputs[1]!.producer!.inputs[0]!.producer!.attrs.count, 3);
  assert.notEqual(before, after);
  assert.deepEqual([...fused.inputs, ...fused.states], [...g.inputs, ...g.states]);
  const ids = fused.nodes.flatMap((node) => [...node.inputs, ...node.outputs]).map((
    tensor,
  ) => [tensor.id, tensor.name]);
  assert.equal(new Set(ids.map(([id]) => id)).size, new Set(ids.map(String)).size);
});

Deno.test("nodes stay apart where the adapter could not run them together", () => {
  /** Cut along the batch where that is needed, which a Count cannot be. */
  const Split: typeof Count = {
    ...Count,
    name: "Split",
    splitInputs: () => [true],
    join: ({ inputs: [x], attrs }, { g, only }) => {
      const maker = x!.producer;
      return maker?.op === Split && only(x!) ? [g.apply(Count, [maker.inputs[0]!], attrs, "both")] : null;
    },
  };
  const nodes = (shape: number[]) => {
    const g = new Graph();
    const x = g.apply(Split, [g.input("x", shape)], { count: 1 });
    g.output("y", g.apply(Split, [x], { count: 2 }));
    return plan(g, target).steps.map((step) => step.node);
  };
  assert.deepEqual(nodes([4, 64]), ["both"]);
  assert.deepEqual(new Set(nodes([20, 300, 100])), new Set(["Split"]));
});

Deno.test("gradients are of the graph as it was built", () => {
  const g = new Graph();
  const x = g.input("x", [4]);
  const y = g.apply(Count, [g.apply(Count, [x], { count: 1 })], { count: 2 });
  const [dx] = gradient(g, [{ output: y, seed: g.input("seed", [4]) }], [x], (_g, a) => a);
  g.output("y", y);
  g.output("dx", dx!);
  assert.deepEqual(counts(fuse(g, target)), [3]);
  assert.equal(fuse(g, target).outputs.get("dx"), g.inputs.get("seed"));
});
