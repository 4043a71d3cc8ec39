/** Learning walks: PyTorch's steps on a DCGAN, closed forms on linear generators, and runs that are cut off. */

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config.ts";
import { readSafetensors } from "../../src/data/safetensors.ts";
import { UserError, WorkError } from "../../src/errors.ts";
import { type Generator, loadGenerator } from "../../src/generators/model.ts";
import { steer } from "../../src/generators/latents.ts";
import { readWalks } from "../../src/generators/walks.ts";
import { targetOf } from "../../src/gpu/execute.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { steeringLoss } from "../../src/losses/steering.ts";
import { adamRates, adamStep } from "../../src/ops/adam.ts";
import { add } from "../../src/ops/binary.ts";
import { grad } from "../../src/ops/gradients.ts";
import { guard } from "../../src/ops/guard.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { affine, unary } from "../../src/ops/unary.ts";
import { exists } from "../../src/paths.ts";
import { learnWalks } from "../../src/training/steering.ts";
import { steeringForm } from "../../src/training/steering_step.ts";
import { assertClose, relativeError } from "../support/close.ts";
import { goldenCases, goldenFolder } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { nhwc, noise, type Values } from "../support/op_cases.ts";
import { conditionalGenerator, inFolder, metricsOf } from "../support/training.ts";

for (const test of goldenCases("steering", ({ op }) => op === "steer_walk")) {
  gpuTest(`${test.name}: losses, gradient and walk are PyTorch's over four steps of Adam`, async (gpu) => {
    const tensors = await test.load();
    const { steps, batch, lr, generator: file } = test.attrs as {
      steps: number;
      batch: number;
      lr: number;
      generator: string;
    };
    const generator = await loadGenerator(new URL(file, goldenFolder("generators")).pathname);
    const part = (name: string, step: number) => {
      const { shape, data } = tensors.get(name)!;
      const size = data.length / steps;
      return {
        shape: shape.slice(1),
        data: Float32Array.from(data as Float32Array).slice(step * size, (step + 1) * size),
      };
    };
    const pixels = (name: string, step: number) => nhwc(part(name, step));
    // Stored [1, size, columns], ours [columns, size].
    const turned = (name: string) => {
      const { shape: [, size, columns], data } = tensors.get(name)! as Values;
      return Float32Array.from(
        { length: size! * columns! },
        (_, i) => data[(i % size!) * columns! + Math.floor(i / size!)]!,
      );
    };
    const columns = part("sliders", 0).shape[1]!;
    const g = new Graph();
    const walks = g.state("walks", [columns, generator.latentSize], "f32", turned("w"));
    const inputs = ["target", "mask"].map((name) => g.input(name, pixels(name, 0).shape));
    const z = steer(g, g.input("z", [batch, ...generator.latentShape]), g.input("sliders", [batch, columns]), walks);
    const loss = steeringLoss(g, affine(g, generator.build(g, z, null), 2, -1), inputs[0]!, inputs[1]!);
    const [gradient] = grad(g, loss, [walks]);
    const check = guard(g, loss, g.input("rng", [4], "u32"));
    adamStep(g, walks, gradient!, g.input("rates", [2]), check);
    g.output("loss", loss);
    g.output("gradient", gradient!);
    const store = new StateStore(gpu);
    const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      for (const name of ["z", "sliders"]) session.write(name, part(name, step).data);
      for (const name of ["target", "mask"]) session.write(name, pixels(name, step).data);
      session.write("rates", adamRates(lr, step + 1));
      const result = await session.run(["loss", "gradient"]);
      losses.push(result.loss![0]!);
      if (step === 0) assert(relativeError(result.gradient!, turned("grad.w")) < 1e-3, "gradient");
    }
    assertClose(losses, test.scalars_f64.losses as unknown as number[], test.tol, "losses");
    assertClose(await session.read("walks"), turned("final.w"), test.tol, "walk");
    session.close();
    store.close();
  });
}

const LATENT = 5;

/** Images [n, h, w, c] = A z + b in [-1, 1], uncut; its rows and b are small random numbers. */
function linearGenerator(height: number, width: number, channels: number) {
  const pixels = height * width * channels;
  const [a, b] = [noise(LATENT * pixels, 1), noise(pixels, 2)];
  const generator: Generator = {
    path: "linear",
    latentShape: [LATENT],
    latentSize: LATENT,
    classes: null,
    levels: null,
    build: (g, z) => {
      const y = add(g, matmul(g, z, g.constant(a, [LATENT, pixels])), g.constant(b, [pixels]));
      return affine(g, reshape(g, y, [z.shape[0]!, height, width, channels]), 0.5, 0.5);
    },
  };
  return { generator, a, b, pixels };
}

/** The x with m x = y, by elimination with pivots. */
function solve(m: number[][], y: number[]): number[] {
  const rows = m.map((row, i) => [...row, y[i]!]);
  for (let i = 0; i < rows.length; i++) {
    const pivot = rows.slice(i).reduce((best, row) => Math.abs(row[i]!) > Math.abs(best[i]!) ? row : best);
    [rows[rows.indexOf(pivot)], rows[i]] = [rows[i]!, pivot];
    for (const row of rows) {
      const factor = row === pivot ? 0 : row[i]! / pivot[i]!;
      row.forEach((_, k) => row[k] = row[k]! - factor * pivot[k]!);
    }
  }
  return rows.map((row, i) => row.at(-1)! / row[i]!);
}

async function learn(gpu: Gpu, generator: Generator, folder: string, ...sets: string[]) {
  const config = parseConfig("", ["generator.model=linear", "log.every=1", ...sets]);
  return await learnWalks(gpu, generator, config, {
    folder,
    walks: `${folder}/walks.safetensors`,
    resume: null,
    signal: new AbortController().signal,
    onStep: () => {},
    log: () => {},
  });
}

for (const channels of [1, 3]) {
  gpuTest(
    `the color walk of a linear generator of ${channels} channels is its pseudo-inverse's`,
    (gpu) =>
      inFolder(async (folder) => {
        const { generator, a, pixels } = linearGenerator(4, 6, channels);
        const { walks } = await learn(gpu, generator, folder, "steer={walks: [color], steps: 300, batch: 8, lr: 0.05}");
        assert.deepEqual([walks.laws.length, walks.size], [channels, LATENT]);
        for (let c = 0; c < channels; c++) {
          // A^T A w = A^T e, where e is 1 in the channel: the error of every sample is least there.
          const row = (i: number) => a.subarray(i * pixels, (i + 1) * pixels);
          const gram = Array.from(
            { length: LATENT },
            (_, i) => Array.from({ length: LATENT }, (_, j) => row(i).reduce((sum, v, p) => sum + v * row(j)[p]!, 0)),
          );
          const side = Array.from(
            { length: LATENT },
            (_, i) => row(i).reduce((sum, v, p) => sum + (p % channels === c ? v : 0), 0),
          );
          const want = solve(gram, side);
          assertClose(walks.vectors.subarray(c * LATENT, (c + 1) * LATENT), want, { rtol: 1e-3, atol: 1e-3 });
        }
        const { tensors, metadata } = await readSafetensors(`${folder}/walks.safetensors`);
        assert.deepEqual([...tensors].map(([name, { shape }]) => [name, shape]), [["walk_color", [
          1,
          LATENT,
          channels,
        ]]]);
        assert.deepEqual([metadata.generator, metadata.step, metadata.rule], ["linear", "300", "paper"]);
        assert.deepEqual(readWalks(`${folder}/walks.safetensors`), walks);
      }),
  );
}

/** A row of pixels moved right by `by`: between its pixels linear, half a pixel around them the border, else unknown. */
function shifted(row: Float32Array, by: number): (number | null)[] {
  return Array.from(row, (_, x) => {
    const at = x - by;
    if (at < -0.5 || at >= row.length - 0.5) return null;
    const held = Math.min(Math.max(at, 0), row.length - 1);
    const first = Math.min(Math.floor(held), row.length - 2);
    return row[first]! + (held - first) * (row[first + 1]! - row[first]!);
  });
}

gpuTest(
  "color and shift, learned together, are the least squares over their laws",
  (gpu) =>
    inFolder(async (folder) => {
      const [height, width] = [3, 16];
      const { generator, a, b, pixels } = linearGenerator(height, width, 1);
      // Anchors next to 0: what a shift changes is then b, and the best walk does not hang on the draws of z.
      const sets = [
        "generator.latent.truncation=0.001",
        "steer={walks: [shiftx, color], steps: 600, batch: 256, lr: 0.01}",
      ];
      const { walks } = await learn(gpu, generator, folder, ...sets);
      assert.deepEqual(walks.laws, ["color0", "shiftx"]);
      // Colours have mean 0 and variance 1 / 12, and are drawn apart from shifts: each walk has an equation of its own.
      const zeros = () => ({
        normal: Array.from({ length: LATENT }, () => new Array(LATENT).fill(0)),
        side: new Array(LATENT).fill(0),
      });
      const [color, shift] = [zeros(), zeros()];
      const count = (sums: ReturnType<typeof zeros>, weight: number, slopes: number[], wanted: number) => {
        for (let i = 0; i < LATENT; i++) {
          sums.side[i] += weight * slopes[i]! * wanted;
          for (let j = 0; j < LATENT; j++) sums.normal[i]![j]! += weight * slopes[i]! * slopes[j]!;
        }
      };
      for (let k = -10; k <= 10; k++) {
        for (let y = 0; y < height; y++) {
          const row = b.slice(y * width, (y + 1) * width);
          for (const [x, moved] of shifted(row, k / 10 * 100 * width / 256).entries()) {
            if (moved === null) continue;
            const slopes = Array.from({ length: LATENT }, (_, i) => a[i * pixels + y * width + x]!);
            count(color, 1 / 12, slopes, 1);
            if (k !== 0) count(shift, (k / 10) ** 2, slopes, (moved - row[x]!) / (k / 10));
          }
        }
      }
      const want = [color, shift].flatMap(({ normal, side }) => solve(normal, side));
      const error = relativeError(walks.vectors, want);
      assert(error < 0.05, `the learned walks differ by ${error}`);
    }),
);

gpuTest(
  "a run that is stopped and resumed ends with the bytes of one that was not",
  (gpu) =>
    inFolder(async (folder) => {
      const generator = conditionalGenerator(3);
      const run = async (name: string, resume: string | null, stopAt: number, ...sets: string[]) => {
        const config = parseConfig("", ["log.every=1", "steer={steps: 6, batch: 4, lr: 0.1}", ...sets]);
        const stop = new AbortController();
        const out = `${folder}/${name}`;
        return await learnWalks(gpu, generator, config, {
          folder: out,
          walks: `${out}/walks.safetensors`,
          resume,
          signal: stop.signal,
          onStep: ({ step }) => step === stopAt && stop.abort(),
          log: () => {},
        });
      };
      const whole = await run("whole", null, 0);
      assert.deepEqual([whole.step, whole.walks.laws.length], [6, 6]);
      const first = await run("parts", null, 1);
      assert.equal(first.step, 3); // the one reported and those under way
      assert(!exists(`${folder}/parts/walks.safetensors`), "walks are there before they are finished");
      const second = await run("parts", first.checkpoint, 0);
      assert.deepEqual([second.step, second.loss], [6, whole.loss]);
      for (const file of ["last.safetensors", "walks.safetensors"]) {
        assert.deepEqual(
          await Deno.readFile(`${folder}/parts/${file}`),
          await Deno.readFile(`${folder}/whole/${file}`),
          file,
        );
      }
      const metrics = await metricsOf(`${folder}/parts`);
      assert.deepEqual(metrics.map(({ step }) => step), [1, 2, 3, 4, 5, 6]);
      assert.deepEqual(metrics, await metricsOf(`${folder}/whole`));
      const again = await run("parts", second.checkpoint, 0);
      assert.deepEqual([again.step, again.loss], [6, whole.loss]);

      // What does not fit leaves everything as it was.
      const refused = async (pattern: RegExp, ...sets: string[]) =>
        await assert.rejects(run("parts", second.checkpoint, 0, ...sets), (error) => {
          assert(error instanceof UserError && pattern.test(error.message), String(error));
          return true;
        });
      await refused(/is at step 6, the run ends at 4: raise --steps/, "steer.steps=4");
      await refused(/walks has shape \[6,4\], the run's is \[1,4\]/, "steer.walks=[zoom]");
      assert.deepEqual(
        await Deno.readFile(`${folder}/parts/walks.safetensors`),
        await Deno.readFile(`${folder}/whole/walks.safetensors`),
      );
    }),
);

gpuTest("a loss that is not finite ends the run and names where it arose", (gpu) =>
  inFolder(async (folder) => {
    const { generator } = linearGenerator(2, 2, 1);
    const broken: Generator = { ...generator, build: (g, z, y) => unary(g, "Log", generator.build(g, z, y)) };
    const failed = learn(gpu, broken, folder, "steer={walks: [color], steps: 3, batch: 2}");
    await assert.rejects(failed, (error) => {
      assert(error instanceof WorkError);
      assert.match(error.message, /the loss is NaN at step 1, first at .*Log .*lower steer\.lr than 0\.001/);
      return true;
    });
    assert(!exists(`${folder}/walks.safetensors`));
  }));

Deno.test("walks ask for the warps that they need, and gray images for one color", () => {
  const form = (channels: number, ...walks: string[]) =>
    steeringForm(linearGenerator(2, 3, channels).generator, parseConfig("", [`steer.walks=[${walks}]`]));
  assert.deepEqual(form(1, "color"), { height: 2, width: 3, channels: 1, laws: ["color0"], warps: [] });
  assert.deepEqual(form(3, "shifty", "rot3d").warps, ["rot3d", "zoomshift"]);
  assert.deepEqual(form(3, "color", "rot2d").laws, ["color0", "color1", "color2", "rot2d"]);
  assert.throws(
    () => parseConfig("", ["steer.walks=[zom]"]),
    /steer\.walks\.0 must be one of color, .*did you mean "zoom"/,
  );
});
