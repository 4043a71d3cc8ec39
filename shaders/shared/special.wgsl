// Functions that WGSL lacks or that its own forms get wrong far from zero.

// 1 / (1 + e^-v); e^|v| never overflows.
fn sigmoid4(v: vec4f) -> vec4f {
  let e = exp(-abs(v));
  return select(e, vec4f(1.0), v >= vec4f(0.0)) / (1.0 + e);
}

// (1 - e^-2|v|) / (1 + e^-2|v|) with the sign of v; near 0 its series, where the difference would cancel.
fn tanh4(v: vec4f) -> vec4f {
  let e = exp(-2.0 * abs(v));
  let far = sign(v) * (1.0 - e) / (1.0 + e);
  let s = v * v;
  let near = v * (1.0 + s * (-0.33333334 + s * (0.13333334 + s * (-0.053968254 + s * 0.021869488))));
  return select(far, near, abs(v) < vec4f(0.25));
}

// ln(1 + e^v) = max(v, 0) + ln(1 + e^-|v|).
fn softplus4(v: vec4f) -> vec4f {
  let e = exp(-abs(v));
  let small = e * (1.0 - e * (0.5 - e * 0.33333334)); // log(1 + e) cancels for small e
  return max(v, vec4f(0.0)) + select(log(1.0 + e), small, e < vec4f(1e-3));
}

// Error function: its Maclaurin series below 1, else 1 - e^(-v^2) * a rational fit (Abramowitz and Stegun
// 7.1.26, error below 1.5e-7).
fn erf4(v: vec4f) -> vec4f {
  let a = abs(v);
  let s = v * v;
  let near = v * (1.1283792 + s * (-0.37612638 + s * (0.11283792 + s * (-0.026866172 + s * (0.0052239777 +
    s * (-0.00085483270 + s * (0.00012055333 + s * -0.000014925651)))))));
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.2548296 + t * (-0.28449672 + t * (1.4214138 + t * (-1.4531521 + t * 1.0614054))));
  let far = sign(v) * (1.0 - p * exp(-s));
  return select(far, near, a < vec4f(0.8));
}

// ln(1 + v) for v >= 0 without the loss of 1 + v near 0: v ln(u) / (u - 1) with u = 1 + v as rounded (Kahan).
fn log1p4(v: vec4f) -> vec4f {
  let u = 1.0 + v;
  let d = u - 1.0;
  return select(select(v * log(u) / d, v, d == vec4f(0.0)), log(v), v > vec4f(1e9));
}

// (e^v - e^-v) / 2; near 0 its series.
fn sinh4(v: vec4f) -> vec4f {
  let square = v * v;
  let near = v * (1.0 + square * (1.0 / 6.0 + square / 120.0));
  return select(0.5 * (exp(v) - exp(-v)), near, abs(v) < vec4f(0.3));
}

// ln(|v| + sqrt(v^2 + 1)) with the sign of v; ln(2 |v|) where the square would overflow.
fn asinh4(v: vec4f) -> vec4f {
  let a = abs(v);
  return sign(v) * select(log1p4(a + a * a / (1.0 + sqrt(a * a + 1.0))), log(a) + 0.6931472, a > vec4f(1e9));
}

// ln(v + sqrt(v^2 - 1)), NaN below 1; ln(2 v) where the sum would overflow.
fn acosh4(v: vec4f) -> vec4f {
  return select(log(v + sqrt(v - 1.0) * sqrt(v + 1.0)), log(v) + 0.6931472, v > vec4f(1e9));
}

// Built-in forms are off by 4e-4 on some drivers. The root is NaN outside [-1, 1], which atan2 drops.
fn asin4(v: vec4f) -> vec4f {
  let root = sqrt((1.0 - v) * (1.0 + v));
  return select(root, atan2(v, root), abs(v) <= vec4f(1.0));
}

fn acos4(v: vec4f) -> vec4f {
  return select(sqrt(1.0 - abs(v)), 2.0 * atan2(sqrt(1.0 - v), sqrt(1.0 + v)), abs(v) <= vec4f(1.0));
}

// ln((1 + v) / (1 - v)) / 2.
fn atanh4(v: vec4f) -> vec4f {
  let a = abs(v);
  return sign(v) * 0.5 * log1p4(2.0 * a / (1.0 - a));
}

// The nearest float16; beyond 65519 it is infinite.
fn float16_4(v: vec4f) -> vec4f {
  let q = quantizeToF16(clamp(v, vec4f(-65504.0), vec4f(65504.0)));
  return select(select(q, v * 3e38, abs(v) >= vec4f(65520.0)), v, is_nan4(v));
}

// The nearest bfloat16 (the upper 16 bits), halves to the even one.
fn bfloat16_4(v: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(v);
  let near = bits + 0x7fffu + ((bits >> vec4u(16u)) & vec4u(1u));
  return select(bitcast<vec4f>(near & vec4u(0xffff0000u)), v, is_nan4(v));
}
