// Sums of squares of up to 6 tensors of any shapes. Each tensor is cut into slabs of 32768 elements, the last of them
// shorter; one workgroup sums up one slab. The slabs of t0 come first, then those of t1, and so on. With ALONE there is
// t0 alone: software adapters go through all cases of a switch for every load, which large tensors need not pay for.
#import index
#import workgroup_sum

const WG_SIZE: u32 = 64u;
const VECTORS: u32 = 128u; // a lane
const SLAB: u32 = 32768u; // WG_SIZE * VECTORS * 4
const ALONE: u32 = 0u;

// sizes: elements of each tensor, 0 for one that is not there; first: the place of the first slab among the sums.
struct Params { sizes: array<vec4u, 2>, first: u32 }

@group(0) @binding(0) var<storage, read> t0: array<vec4f>;
@group(0) @binding(1) var<storage, read> t1: array<vec4f>;
@group(0) @binding(2) var<storage, read> t2: array<vec4f>;
@group(0) @binding(3) var<storage, read> t3: array<vec4f>;
@group(0) @binding(4) var<storage, read> t4: array<vec4f>;
@group(0) @binding(5) var<storage, read> t5: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

fn load(tensor: u32, vector: u32) -> vec4f {
  if (ALONE == 1u) { return t0[vector]; }
  switch tensor {
    case 0u: { return t0[vector]; }
    case 1u: { return t1[vector]; }
    case 2u: { return t2[vector]; }
    case 3u: { return t3[vector]; }
    case 4u: { return t4[vector]; }
    default: { return t5[vector]; }
  }
}

@compute @workgroup_size(WG_SIZE)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = flat_group(wg_id, workgroups);
  var slab = group;
  var tensor = 0u;
  for (; tensor < 6u; tensor++) {
    let slabs = (params.sizes[tensor >> 2u][tensor & 3u] + SLAB - 1u) / SLAB;
    if (slab < slabs) { break; }
    slab -= slabs;
  }
  // A workgroup too many (from folding) finds no tensor, and has nothing to sum up.
  let size = select(0u, params.sizes[tensor >> 2u][tensor & 3u], tensor < 6u);
  var part = 0.0;
  for (var i = 0u; i < VECTORS; i++) {
    let element = slab * SLAB + 4u * (i * WG_SIZE + lane);
    if (element < size) {
      // Buffers are padded to whole vec4, with anything.
      let inside = vec4u(element, element + 1u, element + 2u, element + 3u) < vec4u(size);
      let x = select(vec4f(0.0), load(tensor, element / 4u), inside);
      part += dot(x, x);
    }
  }
  let total = workgroup_sum(part, lane);
  if (lane == 0u && tensor < 6u) { sums[params.first + group] = total; }
}
