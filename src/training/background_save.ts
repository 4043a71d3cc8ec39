/**
 * Checkpoints that are written while the run goes on. Copies of the states are asked for behind the steps submitted so
 * far, so that more steps can follow at once; they are written when the loop has seen that those steps were good.
 */

import { type Snapshot, type StateShapes, takeSnapshot } from "./checkpoint.ts";
import type { StateStore } from "../gpu/store.ts";

/** One checkpoint at a time. */
export class BackgroundSave {
  /** The states after so many updates, not all of which have been seen to be good. */
  #taken: { readonly step: number; readonly states: Promise<Snapshot> } | null = null;
  #good: number;
  #writing: Promise<void> = Promise.resolve();
  #error: { readonly cause: unknown } | null = null;

  constructor(
    readonly store: StateStore,
    readonly shapes: StateShapes,
    /** Updates that are good already. */
    start: number,
    /** Writes the states after `step` updates. */
    readonly write: (states: Snapshot, step: number) => Promise<void>,
  ) {
    this.#good = start;
  }

  /** Whether a checkpoint waits for its steps to be seen to be good. */
  get isWaiting(): boolean {
    return this.#taken !== null;
  }

  /** Asks for a checkpoint of the `step` updates submitted so far, once the last one is written. */
  async begin(step: number): Promise<void> {
    await this.finish();
    const states = takeSnapshot(this.store, this.shapes);
    states.catch(() => {}); // whoever writes them hears of it
    this.#taken = { step, states };
    this.#writeIfGood();
  }

  /** Says that so many updates are good. Throws what went wrong with an earlier checkpoint. */
  settled(step: number): void {
    if (this.#error) throw this.#error.cause;
    this.#good = step;
    this.#writeIfGood();
  }

  #writeIfGood(): void {
    if (this.#taken?.step !== this.#good) return;
    const { step, states } = this.#taken;
    this.#taken = null;
    this.#writing = states.then((values) => this.write(values, step)).catch((cause) => {
      this.#error = { cause };
    });
  }

  /** Waits for what is being written. Throws what went wrong with it. */
  async finish(): Promise<void> {
    await this.#writing;
    if (this.#error) throw this.#error.cause;
  }
}
