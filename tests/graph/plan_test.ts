/** The planner without a device: order, lifetimes, reuse, views, splitting; plans are snapshots. */

import assert from "node:assert/strict";
import { Graph, printGraph } from "../../src/graph/graph.ts";
import { cover, input, type Op, output, plain, scratch, type Target, texture } from "../../src/graph/op.ts";
import { plan } from "../../src/graph/plan.ts";
import {
  type DispatchStep,
  memoryOf,
  printFullest,
  printMemory,
  printProgram,
  type Program,
  type Step,
  type TextureStep,
} from "../../src/graph/program.ts";
import { sizeOf } from "../../src/graph/tensor.ts";

const target: Target = {
  kind: "cpu",
  maxBindingBytes: 2 ** 20,
  maxTextureRows: 64,
  maxBuffers: 8,
  maxIterations: 65535,
};

/** y = f(x), one dispatch. */
const Copy: Op = {
  name: "Copy",
  infer: ([x]) => [x!],
  candidates: plain((node) => ({
    kernels: [{
      shader: "copy",
      params: { count: sizeOf(node.outputs[0]!.shape) },
      bindings: [input(0), output(0)],
      workgroups: cover(sizeOf(node.outputs[0]!.shape), 64),
    }],
  })),
  splitInputs: () => [true],
};

/** c = a + b through scratch memory and a texture twin of b. */
const Sum: Op = {
  name: "Sum2",
  infer: ([a]) => [a!],
  candidates: plain(() => ({
    scratch: [100],
    kernels: [
      { shader: "first", bindings: [input(0), texture(input(1)), scratch(0)], workgroups: [1, 1, 1] },
      { shader: "second", bindings: [scratch(0), output(0)], workgroups: [70000, 1, 1] },
    ],
  })),
};

const View: Op<{ shape: number[] }> = {
  name: "View",
  infer: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  candidates: [],
  alias: true,
};

const Overwrite: Op = {
  name: "Overwrite",
  infer: () => [],
  mutates: [0],
  candidates: plain(() => ({
    kernels: [{ shader: "overwrite", bindings: [input(0), input(1)], workgroups: [1, 1, 1] }],
  })),
};

/** Sum2 that waits for what overwrites b. */
const ReadUpdated: Op = { ...Sum, readsUpdated: [1] };

/** y from x and what is prepared of w in scratch memory. */
const Prepared: Op = {
  name: "Prepared",
  infer: ([x]) => [x!],
  candidates: plain(() => ({
    scratch: [512],
    kernels: [
      { shader: "prepare", bindings: [input(1), scratch(0)], workgroups: [1, 1, 1] },
      { shader: "multiply", bindings: [input(0), texture(scratch(0)), output(0)], workgroups: [1, 1, 1] },
    ],
  })),
};

const dispatches = (p: Program) => p.steps.filter((s): s is DispatchStep => s.kind === "dispatch");

Deno.test("what depends on constants alone is computed once, in memory that nothing else gets", () => {
  const g = new Graph();
  const fixed = g.apply(Copy, [g.apply(Copy, [g.constant(new Float32Array(32), [32])], {})], {});
  const x = g.input("x", [32]);
  const y = g.apply(Sum, [g.apply(Sum, [x, fixed], {}), x], {});
  g.output("y", g.apply(Copy, [y], {}));
  const program = plan(g, target);
  // The copy for the texture that Sum2 reads it from is made once, too.
  assert.deepEqual(program.prologue.map((s) => s.node), ["Copy", "Copy", "Sum2"]);
  assert.ok(program.textures[(program.prologue[2] as TextureStep).texture]!.kept);
  const [, last] = program.prologue as DispatchStep[];
  const kept = last!.writes[0]!.range.buffer;
  assert.ok(dispatches(program).every((s) => s.writes.every(({ range }) => range.buffer !== kept)));
});

Deno.test("a plan prints buffers, copies, dispatches and outputs", async (t) => {
  const g = new Graph();
  const x = g.input("x", [4, 8]);
  const w = g.state("w", [4, 8]);
  const a = g.scope("block", () => g.apply(Copy, [x], {}));
  const b = g.apply(Sum, [a, w], {}, "sum");
  g.output("y", g.apply(View, [b], { shape: [32] }));
  await t.assertSnapshot(printGraph(g) + "\n\n" + printProgram(plan(g, target)));
});

Deno.test("buffers of dead tensors are used again, outputs and views keep theirs", () => {
  const g = new Graph();
  let t = g.input("x", [1000]);
  for (let i = 0; i < 10; i++) t = g.apply(Copy, [t], {}, `copy${i}`);
  g.output("y", g.apply(View, [t], { shape: [10, 100] }));
  const program = plan(g, target);
  assert.equal(program.buffers.filter((b) => b.role === "work").length, 2);
  assert.equal(memoryOf(program).work, 8000);
  assert.equal(printMemory(program), "memory, MiB: 0.0 = activations and gradients 0.0 + inputs 0.0");
  assert.deepEqual(program.fullest, { node: "copy1", bytes: 8000, holders: new Map([["Copy", 8000]]) });
  assert.equal(printFullest(program), "fullest at copy1: 0.0 = Copy 0.0");
});

Deno.test("nodes that lead nowhere do not run", () => {
  const g = new Graph();
  const x = g.input("x", [4]);
  g.apply(Copy, [x], {}, "unused");
  g.output("y", g.apply(Copy, [x], {}, "used"));
  assert.deepEqual(dispatches(plan(g, target)).map((s) => s.node), ["used"]);
});

Deno.test("a state is overwritten after its readers and as soon as that", () => {
  const g = new Graph();
  const x = g.input("x", [4]);
  const w = g.state("w", [4]);
  const a = g.apply(Copy, [x], {}, "a");
  g.add(Overwrite, [w, a], {}, "update");
  const b = g.apply(Copy, [w], {}, "reader");
  g.output("y", g.apply(Copy, [b], {}, "last"));
  assert.deepEqual(dispatches(plan(g, target)).map((s) => s.node), ["a", "reader", "update", "last"]);
});

Deno.test("what reads updated values waits for the updates, and what reads its result waits with it", () => {
  const g = new Graph();
  const x = g.input("x", [4]);
  const w = g.state("w", [4]);
  const late = g.apply(ReadUpdated, [x, w], {}, "late");
  g.output("y", g.apply(Copy, [late], {}, "after"));
  const a = g.apply(Copy, [x], {}, "a");
  g.add(Overwrite, [w, a], {}, "update");
  g.output("z", g.apply(Copy, [a], {}, "other"));
  const order = dispatches(plan(g, target)).map((s) => s.node);
  assert.deepEqual([...new Set(order)], ["a", "update", "late", "after", "other"]);
});

Deno.test("a node over the binding limit runs in parts along the batch", async (t) => {
  const g = new Graph();
  g.output("y", g.apply(Copy, [g.input("x", [10, 300, 100])], {}, "big"));
  await t.assertSnapshot(printProgram(plan(g, target)));
});

Deno.test("what cannot be split says which node, what it needs and what the adapter has", () => {
  const g = new Graph();
  const x = g.input("x", [10, 300, 100]);
  g.output("y", g.apply(Sum, [x, x], {}, "mix"));
  assert.throws(() => plan(g, target), /Sum2 mix binds 1200000 bytes; the adapter binds at most 1048576/);
});

Deno.test("what is only read as a texture may be larger than a binding", () => {
  const g = new Graph();
  const x = g.input("x", [4]);
  const Reads: Op = {
    ...Copy,
    name: "Reads",
    infer: () => [{ shape: [4], dtype: "f32" }],
    candidates: plain(() => ({
      kernels: [{ shader: "reads", bindings: [texture(input(1)), output(0)], workgroups: [1, 1, 1] }],
    })),
  };
  g.output("y", g.apply(Reads, [x, g.input("big", [10, 300, 100])], {}));
  assert.equal(dispatches(plan(g, target)).length, 1);
});

Deno.test("a kernel whose loops the adapter would cut short is refused", () => {
  const g = new Graph();
  const Loops: Op = {
    ...Copy,
    name: "Loops",
    candidates: plain(() => ({
      kernels: [{ shader: "loops", bindings: [input(0), output(0)], workgroups: [1, 1, 1], iterations: 70000 }],
    })),
  };
  g.output("y", g.apply(Loops, [g.input("x", [4])], {}));
  assert.throws(
    () => plan(g, target),
    /loops\.wgsl loops 70000 times an invocation, this adapter ends loops after 65535/,
  );
});

Deno.test("more than 65535 workgroups are folded into two dimensions", () => {
  const g = new Graph();
  const x = g.input("x", [4]);
  g.output("y", g.apply(Sum, [x, x], {}));
  assert.deepEqual(dispatches(plan(g, target))[1]!.workgroups, [35000, 2, 1]);
});

Deno.test("shape errors name the operator and the node", () => {
  const g = new Graph();
  const Bad: Op = {
    ...Copy,
    name: "Bad",
    infer: () => {
      throw new TypeError("takes rank 4, got rank 1");
    },
  };
  const build = () => g.scope("encoder", () => g.apply(Bad, [g.input("x", [4])], {}, "conv1"));
  assert.throws(build, { name: "TypeError", message: "Bad encoder.conv1: takes rank 4, got rank 1" });
});

Deno.test("a texture twin serves all readers of a tensor until its values change", () => {
  const g = new Graph();
  const [x, w] = [g.input("x", [32]), g.state("w", [32])];
  const first = g.apply(Sum, [x, w], {});
  const second = g.apply(Sum, [first, w], {});
  g.add(Overwrite, [w, second], {});
  g.output("y", second);
  const copies = plan(g, target).steps.filter((s) => s.kind === "texture");
  assert.deepEqual(copies.map((s) => s.node), ["Sum2"]);

  const late = new Graph();
  const [v, state] = [late.input("x", [32]), late.state("w", [32])];
  const before = late.apply(Sum, [v, state], {});
  late.add(Overwrite, [state, before], {});
  late.output("y", late.apply(ReadUpdated, [before, state], {}));
  assert.equal(plan(late, target).steps.filter((s) => s.kind === "texture").length, 2);
});

Deno.test("kernels that prepare constant weights run once, those of other weights in every run", () => {
  const build = (constant: boolean) => {
    const g = new Graph();
    const w = constant ? g.constant(new Float32Array(32), [32]) : g.state("w", [32]);
    g.output("y", g.apply(Prepared, [g.input("x", [32]), w], {}));
    return plan(g, target);
  };
  const shaders = (steps: readonly Step[]) => steps.map((s) => s.kind === "texture" ? "copy" : s.shader);
  assert.deepEqual(shaders(build(true).prologue), ["prepare", "copy"]);
  assert.deepEqual(shaders(build(true).steps), ["multiply"]);
  assert.deepEqual(shaders(build(false).steps), ["prepare", "copy", "multiply"]);
});
