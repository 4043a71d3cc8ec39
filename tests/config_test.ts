import assert from "node:assert/strict";
import { configToYaml, loadConfig, parseConfig } from "../src/config.ts";
import { trainingLength } from "../src/config.ts";
import { UserError } from "../src/errors.ts";

function refused(yaml: string, sets: string[], message: string | RegExp) {
  assert.throws(() => parseConfig(yaml, sets, "x.yaml"), (error) => {
    assert(error instanceof UserError);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

Deno.test("an empty configuration is the paper's recipe", () => {
  const config = loadConfig(null);
  assert.equal(config.epochs, 20);
  assert.equal(config.steps, null);
  assert.deepEqual(config.views.latent, {
    kind: "gaussian",
    std: 0.2,
    truncation: 2,
    chunks: null,
    neighbors: 1,
    images: 1,
    walks: null,
    rot3d_factor: 1,
  });
  assert.equal(config.optimizer.weight_decay, 1e-4);
  assert.equal(config.objective.base_temperature, 0.07);
  assert.equal(trainingLength(config).steps, 20 * 5079);
});

Deno.test("settings are frozen all the way down", () => {
  const config = loadConfig(null) as { views: { latent: { std: number } } };
  assert.throws(() => config.views.latent.std = 1, TypeError);
});

Deno.test("the resolved configuration reads back to itself", () => {
  for (
    const sets of [[], ["steps=7", "generator.labels=[1, 2]", "data.mix={path: x, ratio: 0.5}"]]
  ) {
    const config = loadConfig(null, sets);
    assert.deepEqual(parseConfig(configToYaml(config)), config);
  }
});

Deno.test("--set overrides the file and makes sections", () => {
  const yaml = "seed: 3\nepochs: 5\nviews: { latent: { std: 0.4 } }\n";
  const config = parseConfig(yaml, [
    "views.latent.kind=none",
    "generator.latent.truncation=null",
    "optimizer.lr=1e-2",
    "steps=12",
  ]);
  assert.equal(config.seed, 3);
  assert.equal(config.views.latent.std, 0.4);
  assert.equal(config.views.latent.kind, "none");
  assert.equal(config.generator.latent.truncation, null);
  assert.equal(config.optimizer.lr, 0.01);
  assert.deepEqual([config.epochs, config.steps], [null, 12]);
});

Deno.test("unknown keys name the path and the nearest known one", () => {
  refused("view: {}", [], 'unknown key view in x.yaml: did you mean "views"?');
  refused(
    "views: { latent: { sdt: 1 } }",
    [],
    'unknown key views.latent.sdt in x.yaml: did you mean "views.latent.std"?',
  );
  refused("std: 1", [], 'unknown key std in x.yaml: did you mean "views.latent.std"?');
  refused("data: { mix: { path: a, ration: 1 } }", [], /data.mix.ratio/);
  refused("", ["batchsize=3"], /unknown key batchsize/);
});

Deno.test("wrong values name the key, the rule and the value", () => {
  const std = 'views.latent.std must be a number of at least 0, or a list of them, one a chunk, but is "big" in x.yaml';
  refused("views: { latent: { std: big } }", [], std);
  refused("batch: 1", [], "batch must be at least 2 but is 1 in x.yaml");
  refused("batch: 2.5", [], "batch must be a whole number but is 2.5 in x.yaml");
  refused("optimizer: { lr: 0 }", [], "optimizer.lr must be more than 0 but is 0 in x.yaml");
  refused("objective: { kind: simclir }", [], /one of simclr, .*did you mean "simclr"\?/);
  refused("generator: { labels: all }", [], /must be random, a class number or a list/);
  refused("views: 3", [], "views must be a section of keys but is 3 in x.yaml");
  refused("encoder: null", [], "encoder must be a section of keys but is null in x.yaml");
  refused(
    "",
    ["views.latent.std=[0.1, wide]"],
    /views.latent.std must be a number of at least 0, or a list of them, .*wide/,
  );
  refused("", ["views.latent.chunks=[0, -1]"], /views.latent.chunks.1 must be at least 0 but is -1/);
  refused("data: { mix: { ratio: 1 } }", [], /data.mix.path is missing in x.yaml/);
  refused("seed: true\nbatch: x", [], /seed must .* \(and 1 more\)$/);
});

Deno.test("malformed input is told apart", () => {
  refused("a: [1", [], /x.yaml is not valid YAML/);
  refused("- 1", [], "x.yaml must hold keys and values but is [1]");
  refused("epochs: 1\nsteps: 2", [], /sets both epochs and steps: keep one/);
  refused("", ["seed"], "--set seed has no value: write --set key=value");
  refused("seed: 1", ["seed.x=1"], "--set seed.x=1 goes below seed, which is 1");
  assert.throws(() => loadConfig("/nowhere.yaml"), /config file \/nowhere.yaml does not exist/);
});
