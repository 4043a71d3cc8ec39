// YAML and --set overrides to frozen, typed settings. The keys and defaults are in config_schema.ts.
import { parseDocument, stringify } from "yaml";
import { z } from "zod";
import { DEFAULT_EPOCHS, ENDLESS_EPOCH, schema } from "./config_schema.ts";
import { messageOf, nearest, suggest, UserError } from "./errors.ts";
import { isCard, readCard, settingsOf } from "./generators/card.ts";
import { exists, locate } from "./paths.ts";

type Frozen<T> = T extends (infer E)[] ? readonly Frozen<E>[]
  : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> }
  : T;

/** Settings of a run with every default filled in. */
export type Config = Frozen<z.output<typeof schema>>;

/** Reads the YAML file (null: defaults only), applies `a.b=value` overrides, checks and freezes. */
export function loadConfig(path: string | null, sets: readonly string[] = []): Config {
  if (path === null) return parseConfig("", sets);
  let source: string;
  try {
    source = Deno.readTextFileSync(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new UserError(`config file ${path} ${why}: check the path given to --config`, {
      cause: error,
    });
  }
  return parseConfig(source, sets, path);
}

/** `loadConfig` for YAML text; `name` stands for the text in messages. */
export function parseConfig(
  source: string,
  sets: readonly string[] = [],
  name = "the configuration",
): Config {
  const raw = parseYaml(source, name) ?? {};
  if (!isRecord(raw)) {
    throw new UserError(`${name} must hold keys and values but is ${describe(raw)}`);
  }
  if (raw.epochs != null && raw.steps != null) {
    throw new UserError(`${name} sets both epochs and steps: keep one of them`);
  }
  for (const set of sets) override(raw, set);
  fillFromCard(raw);
  const parsed = schema.safeParse(raw);
  if (!parsed.success) throw new UserError(describeIssues(parsed.error.issues, raw, name));
  const { epochs, steps } = parsed.data;
  if (epochs === null && steps === null) parsed.data.epochs = DEFAULT_EPOCHS;
  return freeze(parsed.data) as Config;
}

/** The settings as YAML that `loadConfig` reads back to the same settings. */
export function configToYaml(config: Config): string {
  return stringify(config);
}

/** Steps of one epoch and of the whole run. The last step of an epoch starts the next round. */
export function trainingLength(config: Config): { stepsPerEpoch: number; steps: number } {
  const stepsPerEpoch = Math.ceil((config.data.samples ?? ENDLESS_EPOCH) / config.batch);
  return { stepsPerEpoch, steps: config.steps ?? config.epochs! * stepsPerEpoch };
}

function parseYaml(source: string, name: string): unknown {
  const document = parseDocument(source, { prettyErrors: true });
  const error = document.errors[0];
  if (error) throw new UserError(`${name} is not valid YAML: ${error.message.split("\n")[0]}`);
  return document.toJS();
}

/** Applies one `a.b=value` to the raw settings. */
function override(raw: Record<string, unknown>, set: string): void {
  const at = set.indexOf("=");
  if (at < 1) throw new UserError(`--set ${set} has no value: write --set key=value`);
  const keys = set.slice(0, at).trim().split(".");
  let value: unknown;
  try {
    value = parseYaml(set.slice(at + 1), `value of --set ${set}`);
  } catch (error) {
    throw new UserError(messageOf(error));
  }
  put(raw, keys, value, (key, found) => {
    throw new UserError(`--set ${set} goes below ${key}, which is ${describe(found)}`);
  });
  // An override of the run's length replaces the file's, whichever of the two it used.
  if (keys[0] === "steps" && value !== null) delete raw.epochs;
  if (keys[0] === "epochs" && value !== null) delete raw.steps;
}

/** Sets a key by its path, making the sections above it; what is no section is left to `blocked`. */
function put(
  raw: Record<string, unknown>,
  keys: readonly string[],
  value: unknown,
  blocked: (key: string, found: unknown) => void,
): void {
  let target = raw;
  for (const key of keys.slice(0, -1)) {
    if (!Object.hasOwn(target, key) || target[key] === null) target[key] = {};
    const next = target[key];
    if (!isRecord(next)) return blocked(key, next);
    target = next;
  }
  target[keys[keys.length - 1]] = value;
}

/** Settings that nobody gave come from the generator's card. One that is missing is said when it is loaded. */
function fillFromCard(raw: Record<string, unknown>): void {
  const model = valueAt(raw, ["generator", "model"]);
  if (typeof model !== "string" || !isCard(model) || !exists(locate(model))) return;
  const steered = valueAt(raw, ["views", "latent", "kind"]) === "steered";
  for (const [key, value] of settingsOf(readCard(locate(model)), model)) {
    if (key === "views.latent.walks" && !steered) continue; // other views have nothing to do with them
    const path = key.split(".");
    if (valueAt(raw, path) === undefined) put(raw, path, value, () => {});
  }
}

type Issue = z.core.$ZodIssue;

function describeIssues(issues: Issue[], raw: unknown, name: string): string {
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return describeIssue(issues[0], raw, name) + more;
}

function describeIssue(issue: Issue, raw: unknown, name: string): string {
  const key = issue.path.join(".");
  const value = valueAt(raw, issue.path);
  const must = (rule: string, remedy = "") =>
    value === undefined
      ? `${key} is missing in ${name}: it ${rule}`
      : `${key} ${rule} but is ${describe(value)} in ${name}${remedy}`;
  switch (issue.code) {
    case "unrecognized_keys":
      return unknownKey(issue.path.map(String), issue.keys[0], name);
    case "invalid_type": {
      const kind = { int: "whole number", object: "section of keys" }[issue.expected as string] ??
        issue.expected;
      return must(`must be ${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind}`);
    }
    case "invalid_value": {
      const values = issue.values.map(String);
      const near = typeof value === "string" ? nearest(value, values) : undefined;
      return must(
        `must be ${values.length > 1 ? "one of " : ""}${values.join(", ")}`,
        near === undefined ? "" : `: did you mean "${near}"?`,
      );
    }
    case "too_small": {
      if (issue.origin === "string" || issue.origin === "array") return must("must not be empty");
      return must(`must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`);
    }
    case "too_big":
      return must(`must be ${issue.inclusive ? "at most" : "less than"} ${issue.maximum}`);
    default:
      return must(issue.message);
  }
}

function unknownKey(parent: readonly string[], key: string, name: string): string {
  const full = [...parent, key].join(".");
  const paths = allKeys(schema, []);
  const prefix = parent.length ? parent.join(".") + "." : "";
  const siblings = paths.filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("."));
  const near = nearest(full, siblings) ?? paths.find((path) => path.endsWith("." + key)) ??
    nearest(full, paths);
  const remedy = near === undefined ? suggest(full, siblings) : `did you mean "${near}"?`;
  return `unknown key ${full} in ${name}: ${remedy}`;
}

/** Every key path of the schema, sections included. */
function allKeys(type: z.core.$ZodType, path: readonly string[]): string[] {
  if (
    type instanceof z.ZodDefault || type instanceof z.ZodPrefault || type instanceof z.ZodNullable
  ) return allKeys(type.unwrap(), path);
  const own = path.length ? [path.join(".")] : [];
  if (!(type instanceof z.ZodObject)) return own;
  const below = Object.entries(type.shape).flatMap(([key, child]) => allKeys(child as z.core.$ZodType, [...path, key]));
  return [...own, ...below];
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "number") return String(value);
  const json = JSON.stringify(value);
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).map(freeze);
  return value;
}
