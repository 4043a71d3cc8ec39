// The two kinds of failure a user meets, and the search for the name that was meant.

/** An error whose message is one line, whatever names of a file are in it. */
class LineError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    // deno-lint-ignore no-control-regex
    super(message.replace(/ *[\x00-\x1f\x7f]+ */g, " ").trimEnd(), options);
  }
}

/** A wrong option, configuration or input file: the task exits with 2. */
export class UserError extends LineError {
  override name = "UserError";
}

/** A way of judging that an encoder is not made for; others can go on. */
export class UnsuitableError extends UserError {
  override name = "UnsuitableError";
}

/** Work that failed although what was asked for made sense: the task exits with 1. */
export class WorkError extends LineError {
  override name = "WorkError";
}

/** The candidate closest to `name` by edit distance, or undefined where none is close. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length * 0.4)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** `did you mean "x"?` where a candidate is close, else `use one of a, b, c`. */
export function suggest(name: string, candidates: Iterable<string>): string {
  const all = [...candidates];
  const near = nearest(name, all);
  return near === undefined ? `use one of ${all.join(", ")}` : `did you mean "${near}"?`;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Insertions, deletions, replacements and swaps of neighbours each cost one. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array(b.length).fill(0)]);
  for (let j = 0; j <= b.length; j++) rows[0][j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.length][b.length];
}
