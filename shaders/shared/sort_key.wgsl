// Whole numbers in the order of the values of f32 bits (or of i32 bits where WHOLE): the sign flips the order of the other
// bits, -0 equals 0, and NaN comes before all numbers from either end.
fn sort_key(bits: u32, whole_numbers: bool, largest: bool) -> i32 {
  let whole = bitcast<i32>(bits);
  if (whole_numbers) { return whole; }
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return select(-2147483647 - 1, 2147483647, largest); } // NaN
  let zero = bits == 0x80000000u;
  return select(select(whole, -2147483647 - 1 - whole, whole < 0), 0, zero);
}
