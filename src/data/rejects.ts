// Files of a data set that cannot be used: kept count of, and said in one warning.
import { messageOf, UserError } from "../errors.ts";

const NAMED = 5; // files that one warning names

/** The files of a set that were left out, with the reason for each. */
export class Rejects {
  readonly #why = new Map<string, string>();
  #told = 0;

  /** `strict` makes the first file that cannot be used a UserError. */
  constructor(readonly strict: boolean) {}

  /** Leaves a file out; `reason` is what went wrong or why it is no image. */
  add(file: string, reason: unknown): void {
    const why = messageOf(reason).trim().replaceAll(/\s*\n\s*/g, "; ");
    if (this.strict) {
      throw new UserError(`${file} cannot be used (${why}): repair or remove it, or do without --strict`);
    }
    this.#why.set(file, why);
  }

  /** Files left out so far. */
  get count(): number {
    return this.#why.size;
  }

  /** One line about the files left out of `total`, when there are more than it told about before. */
  tell(total: number, warn: (line: string) => void): void {
    if (this.count === this.#told) return;
    this.#told = this.count;
    const sorted = [...this.#why].sort(([a], [b]) => a < b ? -1 : 1);
    const named = sorted.slice(0, NAMED).map(([file, why]) => `${file} (${why})`).join(", ");
    const rest = sorted.length > NAMED ? ` and ${sorted.length - NAMED} more` : "";
    warn(`left out ${this.count} of ${total} files that cannot be used as images: ${named}${rest}`);
  }
}
