// Sums of squares of up to 6 tensors of any shapes. Each tensor is cut into slabs of 32768 elements, the last of them
// shorter; one workgroup sums up one slab, and each of its lanes leaves a sum of its own. The slabs of t0 come first, then
// those of t1, and so on. With ALONE there is t0 alone: software adapters go through all cases of a switch for every load,
// which large tensors need not pay for. sums: [slabs, WG_SIZE].
#import index

const WG_SIZE: u32 = 64u;
const SLAB: u32 = 8192u; // vec4
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
    let slabs = (params.sizes[tensor >> 2u][tensor & 3u] + 4u * SLAB - 1u) / (4u * SLAB);
    if (slab < slabs) { break; }
    slab -= slabs;
  }
  if (tensor == 6u) { return; } // a workgroup too many, from folding
  let size = params.sizes[tensor >> 2u][tensor & 3u];
  // Four loads a turn, as far as all lanes have four whole vec4: a third of the time of one at a time on llvmpipe.
  let turns = min(size / 4u - slab * SLAB, SLAB) / (4u * WG_SIZE);
  var part = vec4f();
  var at = slab * SLAB + lane;
  for (var turn = 0u; turn < turns; turn++) {
    let a = load(tensor, at);
    let b = load(tensor, at + WG_SIZE);
    let c = load(tensor, at + 2u * WG_SIZE);
    let d = load(tensor, at + 3u * WG_SIZE);
    part += a * a + b * b + c * c + d * d;
    at += 4u * WG_SIZE;
  }
  let end = min(4u * (slab + 1u) * SLAB, size);
  for (; 4u * at < end; at += WG_SIZE) {
    // Buffers are padded to whole vec4, with anything.
    let inside = 4u * at + vec4u(0u, 1u, 2u, 3u) < vec4u(size);
    let x = select(vec4f(), load(tensor, at), inside);
    part += x * x;
  }
  sums[(params.first + group) * WG_SIZE + lane] = dot(part, vec4f(1.0));
}
