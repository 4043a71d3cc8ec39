/** How element-wise nodes are joined with what makes their operands. */

import type { Joining, Node } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import { joinSteps } from "./chain.ts";
import { joinTail } from "./tail.ts";

/** Into the tail of a convolution or product where that is possible, else into a chain. */
export function joinElementwise(node: Node, joining: Joining): Tensor[] | null {
  return joinTail(node, joining) ?? joinSteps(node, joining);
}
