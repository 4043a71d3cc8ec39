// Gradients of grid_sample.wgsl.
// image: one invocation computes one element of dx: [n, d, h, w, c] from all samples of its volume that read it.
// places: one invocation computes one element of dgrid: [n, od, oh, ow, axes].
#import index
#import grid_sample_map

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>; // of `places`; `image` does not read it
@group(0) @binding(2) var<storage, read> grid: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

// What element `at` of an axis weighs in a sample: the sum over the taps that it stands for.
fn weight_along(value: f32, size: i32, at: i32) -> f32 {
  let place = place_of(value, size).at;
  let first = first_of(place);
  var sum = 0.0;
  for (var k = first; k < first + taps(); k++) {
    if (bounded(k, size) == at) { sum += weight_of(place, k); }
  }
  return sum;
}

@compute @workgroup_size(WG_SIZE)
fn image(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  let voxels = params.d * params.h * params.w;
  if (i >= params.n * voxels * params.c) { return; }
  let c = i % params.c;
  let voxel = i / params.c;
  let n = voxel / voxels;
  let column = voxel % params.w;
  let row = voxel / params.w % params.h;
  let z = voxel / (params.w * params.h) % params.d;
  let pixels = params.od * params.oh * params.ow;
  var sum = 0.0;
  for (var p = n * pixels; p < (n + 1) * pixels; p++) {
    var weight = weight_along(grid[p * params.axes], params.w, column);
    weight *= weight_along(grid[p * params.axes + 1], params.h, row);
    if (params.axes == 3) { weight *= weight_along(grid[p * params.axes + 2], params.d, z); }
    sum += weight * dy[p * params.c + c];
  }
  result[i] = sum;
}

@compute @workgroup_size(WG_SIZE)
fn places(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  let pixels = params.od * params.oh * params.ow;
  if (i >= params.n * pixels * params.axes) { return; }
  let axis = i % params.axes;
  let pixel = i / params.axes;
  let n = pixel / pixels;
  let px = place_of(grid[pixel * params.axes], params.w);
  let py = place_of(grid[pixel * params.axes + 1], params.h);
  var pz = Place(0.0, 0.0);
  var depth_taps = 1;
  if (params.axes == 3) {
    pz = place_of(grid[pixel * params.axes + 2], params.d);
    depth_taps = taps();
  }
  let x0 = first_of(px.at);
  let y0 = first_of(py.at);
  let z0 = select(0, first_of(pz.at), params.axes == 3);
  var sum = 0.0;
  for (var kz = z0; kz < z0 + depth_taps; kz++) {
    let z = bounded(kz, params.d);
    var wz = 1.0;
    if (params.axes == 3) { wz = select(weight_of(pz.at, kz), weight_slope(pz.at, kz) * pz.slope, axis == 2); }
    for (var ky = y0; ky < y0 + taps(); ky++) {
      let row = bounded(ky, params.h);
      let wy = select(weight_of(py.at, ky), weight_slope(py.at, ky) * py.slope, axis == 1);
      for (var kx = x0; kx < x0 + taps(); kx++) {
        let column = bounded(kx, params.w);
        if (z < 0 || row < 0 || column < 0) { continue; }
        let wx = select(weight_of(px.at, kx), weight_slope(px.at, kx) * px.slope, axis == 0);
        let base = (((n * params.d + z) * params.h + row) * params.w + column) * params.c;
        var dot = 0.0;
        for (var c = 0; c < params.c; c++) { dot += x[base + c] * dy[pixel * params.c + c]; }
        sum += wx * wy * wz * dot;
      }
    }
  }
  result[i] = sum;
}
