// Coefficients of latent walks, drawn as GenRep draws them in training: one invocation draws one row.
// rng: [4] = seed lo, seed hi, step, 0; keys: [rows, 2] = sample, variant; y: [rows, columns].
#import index
#import philox

const WG_SIZE: u32 = 64u;

struct Params {
  laws_low: vec4u, laws_high: vec4u, // law of each column
  rows: u32, columns: u32, stream: u32,
  rot3d_factor: f32,
}

@group(0) @binding(0) var<storage, read> rng: vec4u;
@group(0) @binding(1) var<storage, read> keys: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// One of the 2 n + 1 equal steps from -1 to 1.
fn step_of(word: u32, n: u32) -> f32 {
  return f32(i32(below(word, 2u * n + 1u)) - i32(n)) / f32(n);
}

// ln of a factor from 1/4 to 4: below or above 1 with equal chance, uniform on either side.
fn zoom(coin: u32, word: u32) -> f32 {
  let u = uniform_open(word);
  return log(select(0.25 + 0.75 * u, 1.0 + 3.0 * u, coin >= 0x80000000u));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row = flat_index(global_id, workgroups, WG_SIZE);
  if (row >= params.rows) { return; }
  let key = keys[row];
  let color = philox(vec4u(0u, key.x, key.y, params.stream), rng.xy);
  let turn = philox(vec4u(1u, key.x, key.y, params.stream), rng.xy);
  let shift = philox(vec4u(2u, key.x, key.y, params.stream), rng.xy);
  for (var column = 0u; column < params.columns; column++) {
    let law = select(params.laws_high, params.laws_low, column < 4u)[column & 3u];
    var value = 0.0;
    switch (law) {
      case 0u, 1u, 2u: { value = uniform_open(color[law]) - 0.5; } // of the range [-1, 1]
      case 3u: { value = params.rot3d_factor * step_of(turn.x, 6u); } // 60 degrees by 10
      case 4u: { value = step_of(turn.y, 6u); } // 30 degrees by 5
      case 5u: { value = zoom(turn.z, turn.w); }
      case 6u: { value = step_of(shift.x, 10u); } // 100 of 256 pixels by 10
      default: { value = step_of(shift.y, 10u); }
    }
    y[row * params.columns + column] = value;
  }
}
