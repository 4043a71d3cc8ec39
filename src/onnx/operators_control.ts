/** Importers of If and Loop, whose conditions and counts are known at import: a branch is taken, a loop unrolled. */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { concat } from "../ops/concat.ts";
import { reshape } from "../ops/reshape.ts";
import type { HostTensor } from "./decode.ts";
import { ints, scalarOf } from "./host.ts";
import type { Importer } from "./operators.ts";
import { asPlain, plainValue, shapeOf, type Value } from "./values.ts";

/** Rounds that a loop may be unrolled to. */
const MOST_ROUNDS = 4096;

const If: Importer = (scope) => {
  const [yes, no] = [scope.node.graph("then_branch"), scope.node.graph("else_branch")];
  return scope.run(scope.scalar(0) !== 0 ? yes : no, []);
};

/** A condition's value; UserError where it depends on the model's inputs. */
function known(v: Value, label: string): boolean {
  if ("host" in v) return scalarOf(v.host) !== 0;
  throw new UserError(`${label}: the condition of the next round depends on the model's inputs`);
}

/**
 * Inputs: the most rounds (or none), the first condition (or none), and the values that are carried from round to
 * round. The body takes the round's number, the condition and the carried values, and gives the next condition, the
 * carried values and what each round leaves, which is stacked.
 */
const Loop: Importer = (scope) => {
  const { g, node } = scope;
  const body = node.graph("body");
  const most = scope.scalar(0, Infinity);
  let condition = scope.scalar(1, 1) !== 0;
  let carried: readonly Value[] = scope.inputs.slice(2).map((v) => v!);
  const left: Value[][] = body.outputs.slice(1 + carried.length).map(() => []);
  for (let round = 0; condition && round < most; round++) {
    if (round === MOST_ROUNDS) throw new UserError(`${node.label}: more than ${MOST_ROUNDS} rounds are not supported`);
    const go: Value = { host: { dtype: "bool", shape: [], data: Float64Array.of(1) } };
    const [next, ...rest] = scope.run(body, [{ host: ints([round], []) }, go, ...carried]);
    condition = known(next!, node.label);
    carried = rest.slice(0, left.length === 0 ? rest.length : -left.length);
    rest.slice(carried.length).forEach((v, i) => left[i]!.push(v));
  }
  if (left.some((values) => values.length === 0)) {
    throw new UserError(`${node.label}: a loop of no rounds that leaves values is not supported`);
  }
  return [...carried, ...left.map((values) => stacked(g, values))];
};

/** Values of one shape along a new first axis. */
function stacked(g: Graph, values: readonly Value[]): Value {
  const shape = shapeOf(values[0]!);
  const hosts = values.flatMap((v) => "host" in v ? [v.host] : []);
  if (hosts.length === values.length) return { host: stackedHosts(hosts) };
  return plainValue(concat(g, values.map((v) => reshape(g, asPlain(g, v), [1, ...shape])), 0));
}

function stackedHosts(parts: readonly HostTensor[]): HostTensor {
  const [first] = parts as [HostTensor];
  const values = parts.flatMap((part) => Array.from(part.data));
  const data = first.dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values);
  return { dtype: first.dtype, shape: [parts.length, ...first.shape], data };
}

/** By operator name. */
export const controlImporters: Readonly<Record<string, Importer>> = { If, Loop };
