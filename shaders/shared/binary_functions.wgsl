// Element-wise functions of two values, as bits: f32 where INTEGER is 0, else i32. Comparisons and logic give 0 or 1.
const FUNCTION: u32 = 0u; // index into FUNCTIONS of src/ops/binary.ts
const INTEGER: u32 = 0u;

// |a| to the power b, with the sign that a whole b leaves a negative a; NaN for other b, as in C.
fn signed_pow(a: f32, b: f32) -> f32 {
  let p = pow(abs(a), b);
  if (a >= 0.0 || b == 0.0) { return select(p, 1.0, b == 0.0); }
  let odd = fract(b * 0.5) != 0.0;
  let whole = floor(b) == b;
  return select(pow(a, b), select(p, -p, odd), whole);
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
    case 4u: { return i32(round(signed_pow(f32(a), f32(b)))); }
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
