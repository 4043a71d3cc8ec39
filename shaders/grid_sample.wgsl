// Samples of volumes x: [n, d, h, w, c] at the places of grid: [n, od, oh, ow, axes] (x, y and, for 3 axes, z):
// one invocation computes one element of y: [n, od, oh, ow, c].
#import index
#import grid_sample_map

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> grid: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  let pixels = params.od * params.oh * params.ow;
  if (i >= params.n * pixels * params.c) { return; }
  let c = i % params.c;
  let pixel = i / params.c;
  let n = pixel / pixels;
  let px = place_of(grid[pixel * params.axes], params.w).at;
  let py = place_of(grid[pixel * params.axes + 1], params.h).at;
  var pz = 0.0;
  var depth_taps = 1;
  if (params.axes == 3) {
    pz = place_of(grid[pixel * params.axes + 2], params.d).at;
    depth_taps = taps();
  }
  let x0 = first_of(px);
  let y0 = first_of(py);
  let z0 = select(0, first_of(pz), params.axes == 3);
  var sum = 0.0;
  for (var kz = z0; kz < z0 + depth_taps; kz++) {
    let z = bounded(kz, params.d);
    for (var ky = y0; ky < y0 + taps(); ky++) {
      let row = bounded(ky, params.h);
      for (var kx = x0; kx < x0 + taps(); kx++) {
        let column = bounded(kx, params.w);
        if (z < 0 || row < 0 || column < 0) { continue; }
        var weight = weight_of(px, kx) * weight_of(py, ky);
        if (params.axes == 3) { weight *= weight_of(pz, kz); }
        sum += weight * x[(((n * params.d + z) * params.h + row) * params.w + column) * params.c + c];
      }
    }
  }
  y[i] = sum;
}
