/** Kernels chosen by measurement: what is measured, what is kept, and that the planner obeys. */

import assert from "node:assert/strict";
import { loadPicks, picksPath, savePicks } from "../../src/gpu/picks.ts";
import { remember, tune } from "../../src/gpu/tune.ts";
import { targetOf } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { conv } from "../../src/ops/conv.ts";
import { relu } from "../../src/ops/unary.ts";
import { gpuTest } from "../support/gpu.ts";

/** Runs with a cache folder of its own. */
async function withCache(work: () => void | Promise<void>): Promise<void> {
  const before = Deno.env.get("XDG_CACHE_HOME");
  const folder = await Deno.makeTempDir();
  Deno.env.set("XDG_CACHE_HOME", folder);
  try {
    await work();
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
    await Deno.remove(folder, { recursive: true });
  }
}

function graph(): Graph {
  const g = new Graph();
  const w = g.input("w", [3, 3, 8, 8]);
  const once = (x: Parameters<typeof conv>[1]) => relu(g, conv(g, x, w, null, { pads: [1, 1, 1, 1] }));
  g.output("y", once(once(g.input("x", [2, 8, 8, 8]))));
  return g;
}

gpuTest(
  "works with several candidates are measured once each, and the picks are what the planner takes",
  async (gpu) => {
    await withCache(async () => {
      const works = await tune(gpu, graph(), new Map());
      assert.deepEqual(works.map(({ node, count }) => [node.op.name, count]), [["Conv", 2]]);
      const [{ key, times }] = works as [typeof works[0]];
      assert.deepEqual(times.map((t) => t.candidate).sort(), ["igemm", "tile", "winograd"]);
      assert.ok(times[0]!.ms > 0 && times[0]!.ms <= times[1]!.ms);
      remember(gpu, loadPicks(gpu.info), works);
      assert.deepEqual([...loadPicks(gpu.info)], [[key, times[0]!.candidate]]);
      assert.deepEqual(await tune(gpu, graph(), loadPicks(gpu.info)), []);
      for (const [candidate, shader] of [["igemm", "conv_igemm"], ["tile", "conv_tile"], ["gone", "conv_igemm"]]) {
        const { steps } = plan(graph(), { ...targetOf(gpu.info), kind: "cpu", picks: new Map([[key, candidate!]]) });
        assert.ok(steps.some((step) => step.kind === "dispatch" && step.shader === shader), candidate);
      }
    });
  },
);

gpuTest("a cache that is damaged, or cannot be written, holds nothing", async (gpu) => {
  await withCache(() => {
    savePicks(gpu.info, new Map([["Conv", "igemm"]]));
    assert.deepEqual([...loadPicks(gpu.info)], [["Conv", "igemm"]]);
    for (const text of ["{", "[1, 2]", '{"Conv": 3}', "null"]) {
      Deno.writeTextFileSync(picksPath(gpu.info)!, text);
      assert.equal(loadPicks(gpu.info).size, 0, text);
    }
    Deno.env.set("XDG_CACHE_HOME", "/proc/nowhere");
    savePicks(gpu.info, new Map([["Conv", "igemm"]]));
    assert.equal(loadPicks(gpu.info).size, 0);
  });
});
