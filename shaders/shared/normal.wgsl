// Normal draws by inverse CDF: x = Phi^-1(u) with u = (word + 1/2) / 2^32, growing with the word.
// A draw cut to [-t, t] has the exact truncated density, as scipy.stats.truncnorm: u is scaled into
// [Phi(-t), Phi(t)]. `cut` is Phi(-t) (0 for no cut) and `keep` is 1 - 2 cut.

// PPND7 of algorithm AS 241 (Wichura 1988): the x > 0 with P(X > x) = tail, where center = 1/2 - tail.
// Both are given so that neither cancels; 0 <= center, 1e-11 < tail <= 1/2. Error below 1e-6 up to x = 3.
fn normal_upper(tail: f32, center: f32) -> f32 {
  if (center <= 0.425) {
    let r = 0.180625 - center * center;
    let p = ((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179;
    let q = ((67.18756360 * r + 78.757757664) * r + 17.895169469) * r + 1.0;
    return center * p / q;
  }
  let r = sqrt(-log(tail)) - 1.6;
  let p = ((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777;
  let q = (0.12021132975 * r + 0.73700164250) * r + 1.0;
  return p / q;
}

fn normal_of_word(word: u32, cut: f32, keep: f32) -> f32 {
  let upper = word >= 0x80000000u;
  let m = select(word, ~word, upper); // steps from the nearer end, below 2^31
  let tail = cut + keep * ((f32(m) + 0.5) * 0x1p-32);
  let center = keep * ((f32(0x7fffffffu - m) + 0.5) * 0x1p-32);
  let x = normal_upper(tail, center);
  return select(-x, x, upper);
}
