/** MoCo's loss and queue over several steps against PyTorch. */

import assert from "node:assert/strict";
import { targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { infonceLoss } from "../../src/losses/infonce.ts";
import { enqueue } from "../../src/ops/enqueue.ts";
import { grad } from "../../src/ops/gradients.ts";
import { guard } from "../../src/ops/guard.ts";
import { l2Normalize } from "../../src/ops/l2_normalize.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";

for (const test of goldenCases("objectives", ({ op }) => op === "moco")) {
  gpuTest("queries meet the keys of earlier steps, which enter the queue after them", async (gpu) => {
    const tensors = await test.load();
    const { temperature, steps } = test.attrs;
    const of = (name: string) => tensors.get(name)!.data as Float32Array;
    const [, n, d] = tensors.get("q")!.shape as [number, number, number];
    const g = new Graph();
    const [q, k, rng] = [g.input("q", [n, d]), g.input("k", [n, d]), g.input("rng", [4], "u32")];
    const queue = g.state("queue", tensors.get("queue")!.shape, "f32", of("queue"));
    const key = l2Normalize(g, k);
    const loss = infonceLoss(g, l2Normalize(g, q), key, queue, 1 / temperature);
    g.output("loss", loss);
    g.output("dq", grad(g, loss, [q])[0]!);
    const check = guard(g, g.input("checked", [1]), rng);
    enqueue(g, queue, key, rng, check);
    const store = new StateStore(gpu);
    const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
    try {
      const run = (s: number, checked: number) => {
        session.write("q", of("q").slice(s * n * d, (s + 1) * n * d));
        session.write("k", of("k").slice(s * n * d, (s + 1) * n * d));
        session.write("rng", Uint32Array.of(0, 0, s, 0));
        session.write("checked", Float32Array.of(checked));
        return session.run(["loss", "dq"]);
      };
      for (let s = 0; s < steps; s++) {
        const { loss, dq } = await run(s, 1);
        assertClose(loss!, [test.scalars_f64[`loss.${s}`]!], test.tol, `loss of step ${s}`);
        assertClose(dq!, of(`grad.q.${s}`), test.tol, `gradient of step ${s}`);
      }
      await run(1, Infinity); // held back
      assertClose(await session.read("queue"), of("last_queue"), test.tol, "queue");
    } finally {
      session.close();
      store.close();
    }
  });
}

Deno.test("a queue that is no whole number of batches is refused", () => {
  const g = new Graph();
  const check = guard(g, g.input("loss", [1]), g.input("rng", [4], "u32"));
  const [queue, x] = [g.state("queue", [7, 2]), g.input("x", [2, 2])];
  assert.throws(() => enqueue(g, queue, x, g.input("r", [4], "u32"), check), /f32\[2,2\] do not fill f32\[7,2\]/);
});
