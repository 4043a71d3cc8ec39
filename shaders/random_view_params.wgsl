// Draws how each image is cut and coloured: one invocation draws one row.
// rng: [4] = seed lo, seed hi, step, 0; views: [rows, 16] (see src/augment/params.ts).
// Everything is drawn in whole numbers and made f32 by exact steps, so that every adapter, and the twin in
// tests/support/view_params.ts, gets the same rows.
#import index
#import philox
#import view_params

const WG_SIZE: u32 = 64u;

// Chances in 2^-24; ranges as low and span in 2^-20.
struct Params {
  fallback: vec4f, // box, where no try fits
  factor_low: vec4i, factor_span: vec4u,
  rows: u32, height: u32, width: u32, stream: u32,
  tries: u32, scale_low: i32, scale_span: u32,
  log_ratio: u32, // ln(high / low) of the aspect ratio, in 2^-32
  ratio_low: f32, inverse_high: f32, // low, 1 / high
  flip: u32, jitter: u32, gray: u32, blur: u32,
  sigma_low: i32, sigma_span: u32,
}

@group(0) @binding(0) var<storage, read> rng: vec4u;
@group(0) @binding(1) var<storage, read_write> views: array<View>;
@group(0) @binding(2) var<uniform> params: Params;

fn between(word: u32, low: i32, span: u32) -> f32 {
  return f32(low + i32(below(word, span))) * 0x1p-20;
}

fn happens(word: u32, chance: u32) -> bool {
  return (word >> 8u) < chance;
}

// e^y for y in 2^-32 below 1, by its series, to 22 bits.
fn exp_fixed(y: u32) -> f32 {
  var sum = 1u << 29u;
  for (var k = 12u; k > 0u; k--) { sum = (1u << 29u) + mul_hi(sum, y) / k; }
  return f32(sum >> 7u) * 0x1p-22;
}

// sqrt(v) to the nearest whole number; the root of the adapter only finds the candidate.
fn round_root(v: f32) -> u32 {
  let c = round(sqrt(v));
  let less = (c - 0.5) * (c - 0.5) > v && c > 0.0;
  let more = (c + 0.5) * (c + 0.5) <= v;
  return u32(select(select(c, c + 1.0, more), c - 1.0, less));
}

// torchvision's RandomResizedCrop.get_params.
fn draw_box(row: u32) -> vec4f {
  for (var t = 0u; t < params.tries; t++) {
    let words = philox(vec4u(t, row, rng.z, params.stream), rng.xy);
    let area = f32(params.height * params.width) * between(words.x, params.scale_low, params.scale_span);
    let y = below(words.y, params.log_ratio);
    let w = round_root(area * params.ratio_low * exp_fixed(y));
    let h = round_root(area * params.inverse_high * exp_fixed(params.log_ratio - y));
    if (w > 0u && w <= params.width && h > 0u && h <= params.height) {
      let top = below(words.z, params.height - h + 1u);
      let left = below(words.w, params.width - w + 1u);
      return vec4f(f32(top), f32(left), f32(h), f32(w));
    }
  }
  return params.fallback;
}

// One of the 24 orders of the four colour changes.
fn draw_order(word: u32) -> vec4f {
  var code = below(word, 24u);
  var order = vec4f(1.0, 2.0, 3.0, 4.0);
  for (var i = 3u; i > 0u; i--) {
    let j = code % (i + 1u);
    code /= i + 1u;
    let swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  return order;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row = flat_index(global_id, workgroups, WG_SIZE);
  if (row >= params.rows) { return; }
  let words = philox(vec4u(params.tries, row, rng.z, params.stream), rng.xy);
  let factors = philox(vec4u(params.tries + 1u, row, rng.z, params.stream), rng.xy);
  let blur = philox(vec4u(params.tries + 2u, row, rng.z, params.stream), rng.xy);
  var view: View;
  view.box = draw_box(row);
  view.more = vec4f(
    select(0.0, 1.0, happens(words.x, params.flip)),
    select(0.0, 1.0, happens(words.y, params.gray)),
    select(0.0, between(blur.y, params.sigma_low, params.sigma_span), happens(blur.x, params.blur)),
    0.0,
  );
  view.order = select(vec4f(0.0), draw_order(words.w), happens(words.z, params.jitter));
  view.factors = vec4f(
    between(factors.x, params.factor_low.x, params.factor_span.x),
    between(factors.y, params.factor_low.y, params.factor_span.y),
    between(factors.z, params.factor_low.z, params.factor_span.z),
    between(factors.w, params.factor_low.w, params.factor_span.w),
  );
  views[row] = view;
}
