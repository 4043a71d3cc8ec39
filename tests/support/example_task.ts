// A task that exists only to test the command line's frame.
import { listOf, oneOf, realNumber, runTask, wholeNumber } from "../../src/cli.ts";
import { WorkError } from "../../src/errors.ts";

await runTask({
  name: "example",
  summary: "tests the frame",
  options: [
    { flags: "--steps <n>", description: "length", parse: wholeNumber(1), set: "steps" },
    { flags: "--stds <list>", description: "stds", parse: listOf(realNumber(0)), default: [0, 0.1] },
    { flags: "--fail <how>", description: "fails", parse: oneOf(["work", "bug", "later"]) },
  ],
  run: async ({ options, config, print, log }) => {
    log("working");
    if (options.fail === "work") throw new WorkError("no adapter\n  answers");
    if (options.fail === "bug") throw new TypeError("internal: oops");
    if (options.fail === "later") {
      Promise.reject(new WorkError("device lost"));
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    print(`stds ${options.stds}`);
    const { steps, epochs, seed } = config();
    return { steps, epochs, seed, cwd: Deno.cwd() };
  },
});
