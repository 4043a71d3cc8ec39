// A step of SGD (shared/sgd_rule.wgsl) for 8 small parameters, while the run is healthy. One invocation updates one vec4 of
// one of them and its momentum; the vec4 of the parameters follow one another.
#import index
#import guard
#import member
#import sgd_rule

const WG_SIZE: u32 = 64u;
// Whether gradients are multiplied by factor[0].
const SCALED: bool = false;

// ends: vec4 of each parameter and of those before it.
struct Params { ends: array<vec4u, 2>, vectors: u32, momentum: f32, weight_decay: f32 }

@group(0) @binding(0) var<storage, read> lr: array<f32>;
@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read> health: array<u32>;
@group(0) @binding(3) var<storage, read> factor: array<f32>;
@group(0) @binding(4) var<storage, read_write> p0: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> buf0: array<vec4f>;
@group(0) @binding(6) var<storage, read> gradient0: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> p1: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> buf1: array<vec4f>;
@group(0) @binding(9) var<storage, read> gradient1: array<vec4f>;
@group(0) @binding(10) var<storage, read_write> p2: array<vec4f>;
@group(0) @binding(11) var<storage, read_write> buf2: array<vec4f>;
@group(0) @binding(12) var<storage, read> gradient2: array<vec4f>;
@group(0) @binding(13) var<storage, read_write> p3: array<vec4f>;
@group(0) @binding(14) var<storage, read_write> buf3: array<vec4f>;
@group(0) @binding(15) var<storage, read> gradient3: array<vec4f>;
@group(0) @binding(16) var<storage, read_write> p4: array<vec4f>;
@group(0) @binding(17) var<storage, read_write> buf4: array<vec4f>;
@group(0) @binding(18) var<storage, read> gradient4: array<vec4f>;
@group(0) @binding(19) var<storage, read_write> p5: array<vec4f>;
@group(0) @binding(20) var<storage, read_write> buf5: array<vec4f>;
@group(0) @binding(21) var<storage, read> gradient5: array<vec4f>;
@group(0) @binding(22) var<storage, read_write> p6: array<vec4f>;
@group(0) @binding(23) var<storage, read_write> buf6: array<vec4f>;
@group(0) @binding(24) var<storage, read> gradient6: array<vec4f>;
@group(0) @binding(25) var<storage, read_write> p7: array<vec4f>;
@group(0) @binding(26) var<storage, read_write> buf7: array<vec4f>;
@group(0) @binding(27) var<storage, read> gradient7: array<vec4f>;
@group(0) @binding(28) var<uniform> params: Params;

fn step(p: vec4f, buf: vec4f, gradient: vec4f) -> Stepped {
  var d = gradient;
  if (SCALED) { d *= factor[0]; }
  return sgd(p, buf, d, lr[0], params.momentum, params.weight_decay);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let index = flat_index(global_id, workgroups, WG_SIZE);
  if (index >= params.vectors || !healthy(health[0], loss[0])) { return; }
  let place = member_of(index, params.ends);
  let i = place.i;
  switch place.tensor {
    case 0u: {
      let next = step(p0[i], buf0[i], gradient0[i]);
      p0[i] = next.p;
      buf0[i] = next.buf;
    }
    case 1u: {
      let next = step(p1[i], buf1[i], gradient1[i]);
      p1[i] = next.p;
      buf1[i] = next.buf;
    }
    case 2u: {
      let next = step(p2[i], buf2[i], gradient2[i]);
      p2[i] = next.p;
      buf2[i] = next.buf;
    }
    case 3u: {
      let next = step(p3[i], buf3[i], gradient3[i]);
      p3[i] = next.p;
      buf3[i] = next.buf;
    }
    case 4u: {
      let next = step(p4[i], buf4[i], gradient4[i]);
      p4[i] = next.p;
      buf4[i] = next.buf;
    }
    case 5u: {
      let next = step(p5[i], buf5[i], gradient5[i]);
      p5[i] = next.p;
      buf5[i] = next.buf;
    }
    case 6u: {
      let next = step(p6[i], buf6[i], gradient6[i]);
      p6[i] = next.p;
      buf6[i] = next.buf;
    }
    default: {
      let next = step(p7[i], buf7[i], gradient7[i]);
      p7[i] = next.p;
      buf7[i] = next.buf;
    }
  }
}
