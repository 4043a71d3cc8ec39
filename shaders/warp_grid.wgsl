// Places where GridSample reads, from projective maps: one invocation computes the place of one pixel.
// maps: [n] of 16 numbers; grid: [n, height, width, 2] = x, y in [-1, 1] from edge to edge of the source.
#import index

const WG_SIZE: u32 = 64u;
const OUTSIDE: f32 = 4.0; // far from the source on either axis, whatever its size

struct Params { n: u32, height: u32, width: u32, source_height: u32, source_width: u32 }

// From a pixel of the result to one of the source; the part of the source that is read.
struct Map { matrix: mat3x3f, box: vec4f }

@group(0) @binding(0) var<storage, read> maps: array<Map>;
@group(0) @binding(1) var<storage, read_write> grid: array<vec2f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.n * params.height * params.width) { return; }
  let x = i % params.width;
  let y = i / params.width % params.height;
  let map = maps[i / (params.width * params.height)];
  let source = map.matrix * vec3f(f32(x), f32(y), 1.0);
  let place = source.xy / source.z;
  let low = map.box.xz;
  let high = map.box.yw;
  let inside = source.z > 0.0 && all(place >= low - 0.5) && all(place < high + 0.5);
  let size = vec2f(f32(params.source_width), f32(params.source_height));
  grid[i] = select(vec2f(OUTSIDE), (2.0 * clamp(place, low, high) + 1.0) / size - 1.0, inside);
}
