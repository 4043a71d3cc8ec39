/** Which candidate computes a node on a target, and what it binds. */

import type { Candidate, Kernel, Lowering, Node, Target } from "./op.ts";
import { bytesOf, sizeOf, specText } from "./tensor.ts";

/** What a node computes, as text: operator, attributes, and the types and shapes of its inputs. */
export function workKey({ op, attrs, inputs }: Node): string {
  return `${op.name} ${inputs.map(specText).join(" ")} ${JSON.stringify(attrs)}`;
}

/**
 * The forced candidate where it accepts the node, else the one that was measured to be fastest, else the first that is
 * meant for the target and pays.
 */
export function candidateFor(node: Node, target: Target): Candidate {
  const able = node.op.candidates.filter((c) => c.accepts(node, target));
  const forced = target.force?.[node.op.name];
  const picked = target.picks?.get(workKey(node));
  const chosen = able.find((c) => c.name === forced) ?? able.find((c) => c.name === picked) ??
    able.find((c) => (!c.on || c.on === target.kind) && (c.pays?.(node) ?? true));
  if (!chosen) throw new TypeError(`internal: no kernel of ${node.op.name} accepts ${node.name}`);
  return chosen;
}

/** What the node becomes on the target. Outputs without elements take no work. */
export function choose(node: Node, target: Target): Lowering {
  if (node.outputs.length > 0 && node.outputs.every((t) => sizeOf(t.shape) === 0)) return { kernels: [] };
  return candidateFor(node, target).lower(node, target);
}

/** Bytes of the largest buffer that a node's kernels bind; what they read as textures has limits of its own. */
export function largestBinding(node: Node, target: Target): number {
  const { kernels, scratch = [] } = choose(node, target);
  const sizes = kernels.flatMap(({ bindings }) =>
    bindings.map((ref) => {
      if (ref.kind === "texture" || ref.kind === "nothing") return 0;
      if (ref.kind === "scratch") return scratch[ref.index]!;
      return bytesOf((ref.kind === "input" ? node.inputs : node.outputs)[ref.index]!);
    })
  );
  return Math.max(0, ...sizes);
}

/** Inputs that a node's kernels bind as buffers. */
export function boundInputs(node: Node, target: Target): number[] {
  const refs = choose(node, target).kernels.flatMap(({ bindings }) => bindings);
  return refs.flatMap((ref) => ref.kind === "input" ? [ref.index] : []);
}

/** Throws RangeError for a kernel that the adapter would cut short. */
export function checkIterations(node: Node, { shader, iterations = 0 }: Kernel, { maxIterations }: Target): void {
  if (iterations <= maxIterations) return;
  throw new RangeError(
    `${node.op.name} ${node.name}: ${shader}.wgsl loops ${iterations} times an invocation, this adapter ends loops after ` +
      `${maxIterations}: use a smaller batch, or channels in multiples of 4, which have a faster kernel`,
  );
}
