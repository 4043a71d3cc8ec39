// One axis of a Gaussian blur with the sigma of each view, edges reflected (a b c -> c b a b c b a), then
// normalisation: one invocation computes one pixel. A sigma of 0 leaves the image as it is.
// x, y: [n, h, w, 3]; views: [n, 16].
#import index
#import view_params

const WG_SIZE: u32 = 64u;

struct Params {
  mean: vec4f, inverse_std: vec4f,
  n: u32, h: u32, w: u32,
  radius: i32, // below h and w
  vertical: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> views: array<View>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

fn reflect_index(i: i32, size: i32) -> i32 {
  let j = abs(i);
  return select(j, 2 * (size - 1) - j, j >= size);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let pixel = flat_index(global_id, workgroups, WG_SIZE);
  let row = pixel / params.w;
  let column = i32(pixel - row * params.w);
  let image = row / params.h;
  if (image >= params.n) { return; }
  let sigma = views[image].more.z;
  let radius = select(0, params.radius, sigma > 0.0);
  let sharpness = select(0.0, 0.5 / (sigma * sigma), sigma > 0.0);
  let line = i32(row - image * params.h);
  var sum = vec3f(0.0);
  var norm = 0.0;
  for (var k = -radius; k <= radius; k++) {
    let r = select(line, reflect_index(line + k, i32(params.h)), params.vertical == 1u);
    let c = select(reflect_index(column + k, i32(params.w)), column, params.vertical == 1u);
    let at = 3u * ((image * params.h + u32(r)) * params.w + u32(c));
    let weight = exp(-f32(k * k) * sharpness);
    sum += weight * vec3f(x[at], x[at + 1u], x[at + 2u]);
    norm += weight;
  }
  let p = (sum / norm - params.mean.xyz) * params.inverse_std.xyz;
  y[3u * pixel] = p.x;
  y[3u * pixel + 1u] = p.y;
  y[3u * pixel + 2u] = p.z;
}
