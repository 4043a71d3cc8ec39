// Reduction over the trailing axes, x: [rows, columns] to y: [rows]. One workgroup reduces one row.
#import index
#import nan
#import reduce_functions

const WG_SIZE: u32 = 64u;

struct Params { rows: u32, columns: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> sh_fold: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = flat_group(wg_id, workgroups);
  var part = neutral();
  if (row < params.rows) {
    for (var j = lane; j < params.columns; j += WG_SIZE) {
      part = fold1(part, term(vec4f(x[row * params.columns + j])).x);
    }
  }
  sh_fold[lane] = part;
  workgroupBarrier();
  for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
    if (lane < half) { sh_fold[lane] = fold1(sh_fold[lane], sh_fold[lane + half]); }
    workgroupBarrier();
  }
  if (lane == 0u && row < params.rows) { y[row] = sh_fold[0] * params.scale; }
}
