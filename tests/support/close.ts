/** Comparison of arrays within a tolerance, with a message that says how many differ and where most. */

/** Throws unless |got - want| <= atol + rtol * |want| everywhere. */
export function assertClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { rtol, atol }: { rtol: number; atol: number },
  what = "values",
): void {
  if (got.length !== want.length) throw new Error(`${what}: ${got.length} values, expected ${want.length}`);
  let bad = 0;
  let worst = -1;
  let worstExcess = 0;
  for (let i = 0; i < want.length; i++) {
    const g = got[i]!, w = want[i]!;
    if (g === w || (Number.isNaN(g) && Number.isNaN(w))) continue;
    const excess = Math.abs(g - w) / (atol + rtol * Math.abs(w));
    if (excess <= 1) continue;
    bad++;
    if (!(excess <= worstExcess)) [worst, worstExcess] = [i, excess];
  }
  if (bad) {
    throw new Error(
      `${what}: ${bad} of ${want.length} differ; worst at ${worst}: got ${got[worst]}, expected ${want[worst]} ` +
        `(${worstExcess.toPrecision(3)} times the tolerance rtol ${rtol}, atol ${atol})`,
    );
  }
}

/** ||got - want|| / ||want||. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let difference = 0, norm = 0;
  for (let i = 0; i < want.length; i++) {
    difference += (got[i]! - want[i]!) ** 2;
    norm += want[i]! ** 2;
  }
  return Math.sqrt(difference / Math.max(norm, 1e-300));
}
