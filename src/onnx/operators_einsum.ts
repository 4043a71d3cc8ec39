/**
 * Importer of Einsum: operands are joined from the left, two at a time, each pair as a batch of matrix products where
 * labels are summed over, else as a product with broadcasting.
 */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { sizeOf, stridesOf, type Tensor } from "../graph/tensor.ts";
import { mul } from "../ops/binary.ts";
import { gather } from "../ops/gather.ts";
import { matmul } from "../ops/matmul.ts";
import { reduce } from "../ops/reduce.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import { places } from "./host.ts";
import type { NodeScope } from "./import.ts";
import type { Importer } from "./operators.ts";
import { plainValue } from "./values.ts";

/** A tensor with a label for each of its axes, all different. */
interface Labelled {
  readonly tensor: Tensor;
  readonly labels: string;
}

/** Stands for axis i, from the right, of an ellipsis; no letter. */
const ellipsisLabel = (i: number) => String.fromCharCode(0xe000 + i);
const ELLIPSIS = "...";

/** Terms of the operands and of the result with a label for each axis; UserError for what is no equation. */
function parse({ node, inputs, shape }: NodeScope): { terms: string[]; output: string } {
  const equation = node.neededText("equation").replaceAll(" ", "");
  const wrong = (why: string) => new UserError(`${node.label}: the equation ${equation} ${why}`);
  const [left = "", right, ...more] = equation.split("->");
  const written = left.split(",");
  if (more.length > 0 || ![...written, right ?? ""].every((t) => /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(t))) {
    throw wrong("is not understood");
  }
  if (written.length !== inputs.length) throw wrong(`has ${written.length} terms for ${inputs.length} inputs`);
  let widest = 0;
  const terms = written.map((term, i) => {
    const rank = shape(i).length;
    const letters = term.replace(ELLIPSIS, "").length;
    if (term.includes(ELLIPSIS) ? letters > rank : letters !== rank) {
      throw wrong(`has the term ${term} for a tensor [${shape(i)}]`);
    }
    if (term.includes(ELLIPSIS)) widest = Math.max(widest, rank - letters);
    return term.replace(ELLIPSIS, spread(rank - letters));
  });
  const all = terms.join("");
  const output = right?.replace(ELLIPSIS, spread(widest)) ?? spread(widest) + once(all);
  if ([...output].some((label) => !all.includes(label)) || new Set(output).size !== output.length) {
    throw wrong("asks for a result that its terms do not give");
  }
  return { terms, output };
}

/** Labels of the axes of an ellipsis. */
function spread(count: number): string {
  return Array.from({ length: count }, (_, i) => ellipsisLabel(count - 1 - i)).join("");
}

/** Letters that occur once, in alphabetical order. */
function once(all: string): string {
  return [...new Set(all)].filter((c) => /[A-Za-z]/.test(c) && all.split(c).length === 2).sort().join("");
}

/** The diagonal of axes with the same label. */
function distinct(g: Graph, tensor: Tensor, term: string): Labelled {
  const labels = [...new Set(term)].join("");
  if (labels.length === term.length) return { tensor, labels };
  const strides = stridesOf(tensor.shape);
  const at = (label: string) => [...term].flatMap((c, i) => c === label ? [i] : []);
  for (const label of labels) {
    const sizes = new Set(at(label).map((i) => tensor.shape[i]!));
    if (sizes.size > 1) throw new RangeError(`the label ${label} stands for axes of ${[...sizes].join(" and ")}`);
  }
  const shape = [...labels].map((label) => tensor.shape[at(label)[0]!]!);
  const steps = [...labels].map((label) => at(label).reduce((sum, i) => sum + strides[i]!, 0));
  const from = g.constant(Int32Array.from(places(shape, steps)), shape, "i32");
  return { tensor: gather(g, reshape(g, tensor, [sizeOf(tensor.shape)]), from, 0), labels };
}

/** Sums over the axes whose labels nobody needs. */
function summed(g: Graph, { tensor, labels }: Labelled, needed: (label: string) => boolean): Labelled {
  const gone = [...labels].flatMap((label, i) => needed(label) ? [] : [i]);
  if (gone.length === 0) return { tensor, labels };
  return { tensor: reduce(g, "Sum", tensor, gone), labels: [...labels].filter(needed).join("") };
}

/** The axes in the order of `wanted`, with size 1 for labels that are not there. */
function arranged(g: Graph, { tensor, labels }: Labelled, wanted: string): Tensor {
  const order = [...wanted].filter((label) => labels.includes(label)).map((label) => labels.indexOf(label));
  const turned = transpose(g, tensor, order);
  return reshape(g, turned, [...wanted].map((c) => labels.includes(c) ? tensor.shape[labels.indexOf(c)]! : 1));
}

/** Two operands as one, which keeps the labels that are needed. */
function joined(g: Graph, left: Labelled, right: Labelled, needed: (label: string) => boolean): Labelled {
  const a = summed(g, left, (label) => needed(label) || right.labels.includes(label));
  const b = summed(g, right, (label) => needed(label) || left.labels.includes(label));
  const shared = [...a.labels].filter((label) => b.labels.includes(label));
  const size = (t: Labelled, label: string) => t.tensor.shape[t.labels.indexOf(label)]!;
  const [batch, inner] = [shared.filter(needed).join(""), shared.filter((label) => !needed(label)).join("")];
  const own = (t: Labelled, other: Labelled) => [...t.labels].filter((label) => !other.labels.includes(label)).join("");
  const [rows, columns] = [own(a, b), own(b, a)];
  const product = a.tensor.dtype === "f32" && inner !== "" &&
    shared.every((label) => size(a, label) === size(b, label));
  if (!product) {
    const labels = batch + rows + columns + inner;
    return summed(g, { tensor: mul(g, arranged(g, a, labels), arranged(g, b, labels)), labels }, needed);
  }
  const extent = (t: Labelled, labels: string) => [...labels].map((label) => size(t, label));
  const [lead, k] = [sizeOf(extent(a, batch)), sizeOf(extent(a, inner))];
  const [m, n] = [sizeOf(extent(a, rows)), sizeOf(extent(b, columns))];
  const y = matmul(
    g,
    reshape(g, arranged(g, a, batch + rows + inner), [lead, m, k]),
    reshape(g, arranged(g, b, batch + inner + columns), [lead, k, n]),
  );
  const shape = [...extent(a, batch), ...extent(a, rows), ...extent(b, columns)];
  return { tensor: reshape(g, y, shape), labels: batch + rows + columns };
}

export const Einsum: Importer = (scope) => {
  const { g } = scope;
  const { terms, output } = parse(scope);
  const operands = terms.map((term, i) => distinct(g, scope.plain(i), term));
  const all = operands.slice(1).reduce(
    (left, right, i) => {
      const later = operands.slice(i + 2).map((t) => t.labels).join("") + output;
      return joined(g, left, right, (label) => later.includes(label));
    },
    operands[0]!,
  );
  const result = summed(g, all, (label) => output.includes(label));
  return [plainValue(arranged(g, result, output))];
};
