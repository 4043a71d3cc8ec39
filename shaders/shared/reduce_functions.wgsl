// What a reduction folds, chosen by FUNCTION: 0 Sum, 1 SumSquare, 2 L1, 3 Max, 4 Min, 5 Prod.
const FUNCTION: u32 = 0u;

fn neutral() -> f32 {
  var large = 3.4028234e38; // its square is infinite, which no literal is
  switch FUNCTION {
    case 3u: { return -large * large; }
    case 4u: { return large * large; }
    case 5u: { return 1.0; }
    default: { return 0.0; }
  }
}

fn term(x: vec4f) -> vec4f {
  switch FUNCTION {
    case 1u: { return x * x; }
    case 2u: { return abs(x); }
    default: { return x; }
  }
}

fn fold(a: vec4f, b: vec4f) -> vec4f {
  switch FUNCTION {
    case 3u: { return select(b, a, (a > b) | is_nan4(a)); } // NaN is passed on, which max would drop
    case 4u: { return select(b, a, (a < b) | is_nan4(a)); }
    case 5u: { return a * b; }
    default: { return a + b; }
  }
}

fn fold1(a: f32, b: f32) -> f32 {
  return fold(vec4f(a), vec4f(b)).x;
}
