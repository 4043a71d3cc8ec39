/** Sessions of a detector's graphs by canvas, made when a canvas is first met. They share states and work memory. */

import { WorkError } from "../../errors.ts";
import type { Gpu } from "../../gpu/device.ts";
import { Session } from "../../gpu/session.ts";
import type { StateStore } from "../../gpu/store.ts";
import { tunedTarget } from "../../gpu/tune.ts";
import type { WorkPool } from "../../gpu/work_pool.ts";
import type { Graph } from "../../graph/graph.ts";
import { plan } from "../../graph/plan.ts";
import { printMemory } from "../../graph/program.ts";
import { canvasKey, type Size } from "./canvas.ts";

/** A canvas's session, and what its graph came with. */
export interface CanvasSession<S> {
  readonly session: Session;
  readonly step: S;
}

/** Where sessions lie. */
export interface SessionPlace {
  readonly gpu: Gpu;
  readonly store: StateStore;
  readonly pool: WorkPool;
  readonly log: (line: string) => void;
}

/** Sessions of one kind of graph. Whoever makes it closes it. */
export class CanvasSessions<S extends { readonly graph: Graph }> {
  readonly #known = new Map<string, CanvasSession<S>>();

  /** `what` names the work in the log. */
  constructor(readonly place: SessionPlace, readonly what: string, readonly build: (canvas: Size) => S) {}

  /** The session of a canvas. */
  async at(canvas: Size): Promise<CanvasSession<S>> {
    const key = canvasKey(canvas);
    const known = this.#known.get(key);
    if (known) return known;
    const { gpu, store, pool, log } = this.place;
    const step = this.build(canvas);
    const target = await tunedTarget(gpu, step.graph, log);
    const program = attempt(() => plan(step.graph, target), `${this.what} on ${key}`);
    if (this.#known.size === 0) {
      log(`${this.what} on ${key} is ${program.steps.length} dispatches and copies; ${printMemory(program)}`);
    }
    const made = { session: await Session.create(gpu, program, store, pool), step };
    this.#known.set(key, made);
    return made;
  }

  /** Frees the sessions. */
  close(): void {
    for (const { session } of this.#known.values()) session.close();
  }
}

/** What does not fit the adapter, said with what makes it smaller. */
function attempt<T>(work: () => T, what: string): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const remedy = "lower detection.batch, detection.roi.batch or detection.sizes";
    throw new WorkError(`${what} does not fit this adapter: ${error.message}; ${remedy}`, { cause: error });
  }
}
