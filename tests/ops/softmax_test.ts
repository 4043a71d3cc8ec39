/** Softmax and its logarithm against PyTorch, along any axis and for large logits. */

import { softmax } from "../../src/ops/softmax.ts";
import { testOperator } from "../support/golden_ops.ts";

const by = (name: string) => [{ [name]: "rows" }, { [name]: "plain" }];
testOperator("softmax", (g, [x], { dim }) => softmax(g, x!, dim), by("Softmax"));
testOperator("log_softmax", (g, [x], { dim }) => softmax(g, x!, dim, "LogSoftmax"), by("LogSoftmax"));
