// What a kernel does to each vec4 of its result, [rows, 4 * columns], before it stores it:
//   activation(value * scale + shift + rest)
// The importing shader binds tail_scale, tail_shift and tail_rest, and has params.sample, the rows of a sample.
const SCALE: u32 = 0u; // 0: none; 1: a value for each column; 2: for each sample and column
const SHIFT: u32 = 0u;
const REST: u32 = 0u; // 0: none; 1: a value for each element; 2: the same for all samples
const ACTIVATION: u32 = 0u; // 0: none; 1: ReLU; 2: LeakyReLU
const SLOPE: f32 = 0.0;

// The sample in which vec4 `i` of the result lies.
fn tail_sample(i: i32, columns: i32) -> i32 {
  if (SCALE == 2u || SHIFT == 2u) { return i / (params.sample * columns); }
  return 0;
}

fn tail_scale_at(sample: i32, columns: i32, column: i32) -> vec4f {
  if (SCALE == 0u) { return vec4f(); }
  return tail_scale[select(column, sample * columns + column, SCALE == 2u)];
}

fn tail_shift_at(sample: i32, columns: i32, column: i32) -> vec4f {
  if (SHIFT == 0u) { return vec4f(); }
  return tail_shift[select(column, sample * columns + column, SHIFT == 2u)];
}

// Where the rest of a row begins whose first vec4 in the result is `row`.
fn tail_rest_at(row: i32, columns: i32) -> i32 {
  if (REST == 2u) { return row % (params.sample * columns); }
  return row;
}

fn finish(value: vec4f, scale: vec4f, shift: vec4f, rest: i32) -> vec4f {
  var v = value;
  if (SCALE != 0u) { v *= scale; }
  if (SHIFT != 0u) { v += shift; }
  if (REST != 0u) { v += tail_rest[rest]; }
  if (ACTIVATION == 1u) { v = select(v, vec4f(), v < vec4f()); } // not max, which would turn NaN into 0
  if (ACTIVATION == 2u) { v = select(v * SLOPE, v, v > vec4f()); }
  return v;
}
