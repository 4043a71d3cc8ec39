// Element-wise functions of two values, as bits: f32 where INTEGER is 0, else i32. Comparisons and logic give 0 or 1.
const FUNCTION: u32 = 0u; // index into FUNCTIONS of src/ops/binary.ts
const INTEGER: u32 = 0u;

// |a| to the power b, with the sign that a whole b leaves a negative a; NaN for other b unless a is infinite, as in C.
fn signed_pow(a: f32, b: f32) -> f32 {
  if (b == 0.0 || a == 1.0) { return 1.0; }
  if (is_nan(a) || is_nan(b)) { return a + b; }
  let p = pow(abs(a), b);
  if (a >= 0.0) { return p; }
  let odd = fract(b * 0.5) != 0.0;
  if (floor(b) == b) { return select(p, -p, odd); }
  return select(pow(a, b), p, abs(a) > 3.4028234e38);
}

// a to the power b by squaring, exact where it fits; a fraction is cut to 0.
fn whole_pow(a: i32, b: i32) -> i32 {
  if (b < 0) { return select(select(0, select(-1, 1, b % 2 == 0), a == -1), 1, a == 1); }
  var y = 1;
  var power = a;
  for (var left = u32(b); left > 0u; left >>= 1u) {
    if ((left & 1u) == 1u) { y *= power; }
    power *= power;
  }
  return y;
}

fn apply_f32(a: f32, b: f32) -> f32 {
  switch FUNCTION {
    case 0u: { return a + b; } // Add
    case 1u: { return a - b; } // Sub
    case 2u: { return a * b; } // Mul
    case 3u: { return a / b; } // Div
    case 4u: { return signed_pow(a, b); } // Pow
    case 5u: { return select(b, a, a > b || is_nan(a)); } // Max; NaN is passed on, which max would drop
    case 6u: { return select(b, a, a < b || is_nan(a)); } // Min
    case 7u: { return a - b * floor(a / b); } // Mod
    case 8u: { return a - b * trunc(a / b); } // Fmod
    case 9u: { return select(a * b, a, a >= 0.0); } // PRelu
    default: { return 0.0; }
  }
}

fn apply_i32(a: i32, b: i32) -> i32 {
  switch FUNCTION {
    case 0u: { return a + b; }
    case 1u: { return a - b; }
    case 2u: { return a * b; }
    case 3u: { return a / b; }
    case 4u: { return whole_pow(a, b); }
    case 5u: { return max(a, b); }
    case 6u: { return min(a, b); }
    case 7u: { let r = a % b; return select(r, r + b, r != 0 && (r < 0) != (b < 0)); }
    case 8u: { return a % b; }
    case 9u: { return select(a * b, a, a >= 0); }
    default: { return 0; }
  }
}

fn compare(less: bool, equal: bool, a: u32, b: u32) -> bool {
  switch FUNCTION {
    case 10u: { return equal; } // Equal
    case 11u: { return !(less || equal); } // Greater
    case 12u: { return less; } // Less
    case 13u: { return !less; } // GreaterOrEqual
    case 14u: { return less || equal; } // LessOrEqual
    case 15u: { return a != 0u && b != 0u; } // And
    case 16u: { return a != 0u || b != 0u; } // Or
    case 17u: { return (a != 0u) != (b != 0u); } // Xor
    default: { return false; }
  }
}

fn apply_bits(a: u32, b: u32) -> u32 {
  if (FUNCTION >= 10u) {
    if (INTEGER == 1u) { return u32(compare(bitcast<i32>(a) < bitcast<i32>(b), a == b, a, b)); }
    let x = bitcast<f32>(a);
    let y = bitcast<f32>(b);
    // NaN compares as unequal and not ordered.
    if (FUNCTION == 11u) { return u32(x > y); }
    if (FUNCTION == 13u) { return u32(x >= y); }
    return u32(compare(x < y, x == y, a, b));
  }
  if (INTEGER == 1u) { return bitcast<u32>(apply_i32(bitcast<i32>(a), bitcast<i32>(b))); }
  return bitcast<u32>(apply_f32(bitcast<f32>(a), bitcast<f32>(b)));
}
