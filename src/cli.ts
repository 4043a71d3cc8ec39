// The frame of every task: options in, exit code 0, 1 or 2 out, one `error: ...` line where it failed.
import { Command, CommanderError, Option } from "commander";
import { type Config, configToYaml, loadConfig, parseConfig } from "./config.ts";
import { messageOf, suggest, UserError } from "./errors.ts";
import { locate, PROJECT_ROOT } from "./paths.ts";

/** One option of a task. */
export interface TaskOption {
  /** As commander writes them: `--out <folder>`, or `--force` for a switch. */
  readonly flags: string;
  readonly description: string;
  /** Turns the text into a value, or throws a UserError; `flag` is the option's name. */
  readonly parse?: (text: string, flag: string) => unknown;
  readonly default?: unknown;
  /** The option is short for `--set KEY=value`. */
  readonly set?: string;
}

/** What a task gets to run with. */
export interface TaskContext {
  /** Values by the options' names in camel case: `--std-max` is `stdMax`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Arguments that are not options, where the task takes them. */
  readonly args: readonly string[];
  readonly json: boolean;
  /**
   * The settings from --config, --set and the options that are short for them. Where --config names no file,
   * `own` takes the place of the default one.
   */
  config(own?: Config): Config;
  /** The overrides of --set and of the options that are short for one, as `key=value`. */
  readonly sets: readonly string[];
  /** A line for the user: stdout, or stderr under --json. */
  print(line: string): void;
  /** A line about the work: always stderr. */
  log(line: string): void;
}

/** A task of the command line. What `run` returns is printed by --json. */
export interface TaskDefinition {
  readonly name: string;
  readonly summary: string;
  readonly options?: readonly TaskOption[];
  /** The settings file that is read where --config names none; a path below the project. */
  readonly defaultConfig?: string;
  /** Whether arguments that are not options are taken. */
  readonly args?: boolean;
  readonly run: (context: TaskContext) => Promise<unknown>;
}

/** Runs a task with the program's arguments and leaves the process with its exit code. */
export async function runTask(task: TaskDefinition, argv: readonly string[] = Deno.args): Promise<never> {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    Deno.exit(fail(event.reason));
  });
  let code = 0;
  try {
    enterUsersFolder();
    code = await execute(task, argv);
  } catch (error) {
    code = fail(error);
  }
  Deno.exit(code);
}

/** A whole number of at least `least`, for `TaskOption.parse`. */
export function wholeNumber(least = 0): (text: string, flag: string) => number {
  return (text, flag) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
    throw new UserError(`${flag} ${text} is not valid: give a whole number of at least ${least}`);
  };
}

/** A number of at least `least`, for `TaskOption.parse`. */
export function realNumber(least = -Infinity): (text: string, flag: string) => number {
  return (text, flag) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && value >= least) return value;
    const bound = least === -Infinity ? "" : ` of at least ${least}`;
    throw new UserError(`${flag} ${text} is not valid: give a number${bound}`);
  };
}

/** Values between commas, each read by `item`, for `TaskOption.parse`. */
export function listOf<T>(item: (text: string, flag: string) => T): (text: string, flag: string) => T[] {
  return (text, flag) => text.split(",").map((part) => item(part.trim(), flag));
}

/** One of some words, for `TaskOption.parse`. */
export function oneOf<T extends string>(words: readonly T[]): (text: string, flag: string) => T {
  return (text, flag) => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    throw new UserError(`${flag} ${text} is not known: ${suggest(text, words)}`);
  };
}

/** A signal for work that can end early: the first Ctrl-C aborts it, the second one ends the process. */
export function stopOnSignals(log: (line: string) => void): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => {
      if (controller.signal.aborted) Deno.exit(130);
      log("stopping: finishing the step and writing a checkpoint; once more to stop at once");
      controller.abort();
    });
  }
  return controller.signal;
}

async function execute(task: TaskDefinition, argv: readonly string[]): Promise<number> {
  const command = describeCommand(task);
  try {
    command.parse(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    throw new UserError(explain(error, command));
  }
  if (command.args.length > 0 && !task.args) {
    const word = command.args[0];
    throw new UserError(`unexpected argument ${word}: options of ${task.name} begin with --, see --help`);
  }
  const given = command.opts();
  const options = parseOptions(task, given);
  const json = given.json === true;
  const sets = collectSets(task, given, options);
  const result = await task.run({
    options,
    sets,
    args: command.args,
    json,
    config: (own) =>
      own && given.config === undefined
        ? parseConfig(configToYaml(own), sets)
        : loadConfig(configPath(task, given), sets),
    print: (line) => writeLine(json ? Deno.stderr : Deno.stdout, line),
    log: (line) => writeLine(Deno.stderr, line),
  });
  if (json) writeLine(Deno.stdout, JSON.stringify(result ?? {}));
  return Deno.exitCode; // 1 where the task found what it looked for to be wrong, as a case of a suite
}

function describeCommand(task: TaskDefinition): Command {
  const command = new Command(`deno task ${task.name}`)
    .description(task.summary)
    .usage(`[options]${task.args ? " [arguments]" : ""}`)
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ writeErr: () => {} })
    .configureHelp({ helpWidth: 100 })
    .allowExcessArguments()
    .option("--config <file>", `settings in YAML${task.defaultConfig ? ` (default: ${task.defaultConfig})` : ""}`)
    .option(
      "--set <key=value>",
      "override one setting, may be repeated",
      (set, all) => [...all ?? [], set],
      undefined as unknown as string[],
    )
    .option("--json", "print one JSON object on stdout");
  for (const option of task.options ?? []) {
    const preset = option.default === undefined ? "" : ` (default: ${String(option.default)})`;
    command.addOption(new Option(option.flags, option.description + preset));
  }
  return command;
}

function parseOptions(task: TaskDefinition, given: Record<string, unknown>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const option of task.options ?? []) {
    const { long, name } = nameOf(option);
    const text = given[name];
    if (text === undefined) {
      if (option.default !== undefined) values[name] = option.default;
    } else values[name] = typeof text === "string" && option.parse ? option.parse(text, long) : text;
  }
  return values;
}

function configPath({ defaultConfig }: TaskDefinition, given: Record<string, unknown>): string | null {
  const path = given.config as string | undefined ?? defaultConfig;
  return path === undefined ? null : locate(path);
}

/** The --set overrides, then those that task options are short for. */
function collectSets(
  task: TaskDefinition,
  given: Record<string, unknown>,
  options: Readonly<Record<string, unknown>>,
): string[] {
  const short = (task.options ?? []).flatMap((option) => {
    const { name } = nameOf(option);
    if (option.set === undefined || given[name] === undefined) return [];
    const value = options[name];
    return [`${option.set}=${Array.isArray(value) ? JSON.stringify(value) : value}`];
  });
  return [...given.set as string[] ?? [], ...short];
}

function nameOf({ flags }: TaskOption): { long: string; name: string } {
  const option = new Option(flags);
  return { long: option.long ?? flags, name: option.attributeName() };
}

/** commander's complaint as one line with a remedy. */
function explain(error: CommanderError, command: Command): string {
  const message = error.message.replace(/^error: /, "").split("\n")[0];
  if (error.code === "commander.unknownOption") {
    const flag = /'([^']*)'/.exec(message)?.[1].split("=")[0] ?? "";
    const known = [...command.options.map((option) => option.long ?? ""), "--help"];
    return `unknown option ${flag}: ${suggest(flag, known)}`;
  }
  if (error.code === "commander.optionMissingArgument") {
    return `option ${/'([^']*)'/.exec(message)?.[1] ?? ""} has no value: give one after it`;
  }
  return `${message}: see --help`;
}

/** Prints the one line of a failure and gives the exit code. */
function fail(error: unknown): number {
  const line = (messageOf(error) || "unknown failure").trim().replace(/\s*\n\s*/g, " ");
  writeLine(Deno.stderr, `error: ${line}`);
  if (Deno.env.get("DEBUG")) writeLine(Deno.stderr, error instanceof Error ? error.stack ?? "" : String(error));
  return error instanceof UserError ? 2 : 1;
}

/** `deno task` runs in the project's folder; paths are meant from where the user called it. */
function enterUsersFolder(): void {
  const folder = Deno.env.get("INIT_CWD");
  if (folder && Deno.cwd() === PROJECT_ROOT) Deno.chdir(folder);
}

function writeLine(stream: { writeSync(bytes: Uint8Array): number }, line: string): void {
  const bytes = new TextEncoder().encode(line + "\n");
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}
