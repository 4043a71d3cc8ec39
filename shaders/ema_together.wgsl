// Exponential moving averages of 8 small tensors: average = rate * average + (1 - rate) * value, while the run is healthy.
// One invocation updates one vec4 of one of them; the vec4 of the tensors follow one another.
#import index
#import guard
#import member

const WG_SIZE: u32 = 64u;

// ends: vec4 of each tensor and of those before it.
struct Params { ends: array<vec4u, 2>, vectors: u32 }

@group(0) @binding(0) var<storage, read> rate: array<f32>;
@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read> health: array<u32>;
@group(0) @binding(3) var<storage, read_write> average0: array<vec4f>;
@group(0) @binding(4) var<storage, read> value0: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> average1: array<vec4f>;
@group(0) @binding(6) var<storage, read> value1: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> average2: array<vec4f>;
@group(0) @binding(8) var<storage, read> value2: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> average3: array<vec4f>;
@group(0) @binding(10) var<storage, read> value3: array<vec4f>;
@group(0) @binding(11) var<storage, read_write> average4: array<vec4f>;
@group(0) @binding(12) var<storage, read> value4: array<vec4f>;
@group(0) @binding(13) var<storage, read_write> average5: array<vec4f>;
@group(0) @binding(14) var<storage, read> value5: array<vec4f>;
@group(0) @binding(15) var<storage, read_write> average6: array<vec4f>;
@group(0) @binding(16) var<storage, read> value6: array<vec4f>;
@group(0) @binding(17) var<storage, read_write> average7: array<vec4f>;
@group(0) @binding(18) var<storage, read> value7: array<vec4f>;
@group(0) @binding(19) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let index = flat_index(global_id, workgroups, WG_SIZE);
  if (index >= params.vectors || !healthy(health[0], loss[0])) { return; }
  let place = member_of(index, params.ends);
  let i = place.i;
  let r = rate[0];
  switch place.tensor {
    case 0u: { average0[i] = r * average0[i] + (1.0 - r) * value0[i]; }
    case 1u: { average1[i] = r * average1[i] + (1.0 - r) * value1[i]; }
    case 2u: { average2[i] = r * average2[i] + (1.0 - r) * value2[i]; }
    case 3u: { average3[i] = r * average3[i] + (1.0 - r) * value3[i]; }
    case 4u: { average4[i] = r * average4[i] + (1.0 - r) * value4[i]; }
    case 5u: { average5[i] = r * average5[i] + (1.0 - r) * value5[i]; }
    case 6u: { average6[i] = r * average6[i] + (1.0 - r) * value6[i]; }
    default: { average7[i] = r * average7[i] + (1.0 - r) * value7[i]; }
  }
}
