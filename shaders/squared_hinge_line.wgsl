// The samples' side of a tick, behind squared_hinge_newton.wgsl: u, targets, f, along: [rows, samples]. f keeps the scores
// at the weights, along those of the step s, and where the step is complete the least of
//   L(t) = |w + t s|^2 / 2 + sum_i c_i max(0, 1 - y_i (f_i + t along_i))^2
// is searched: L is convex and its derivative is made of straight pieces, so that Newton's method, kept between the two
// nearest ends that are known, finds it in a few rounds. One workgroup computes one row.
#import index
#import workgroup_sum
#import squared_hinge_control

struct Params { vectors: u32 }

const ROUNDS: u32 = 32u;
const NEAR: f32 = 1e-5; // of the derivative at 0

@group(0) @binding(0) var<storage, read> u: array<vec4f>;
@group(0) @binding(1) var<storage, read> targets: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> f: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> along: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> control: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> sh_phase: f32;
var<workgroup> sh_next: vec2f; // the next t, and 1 where the search is over

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = flat_group(wg_id, workgroups);
  let at = row * CONTROL_SIZE;
  let first = row * params.vectors;
  let end = first + params.vectors;
  if (lane == 0u) { sh_phase = control[at + PHASE]; }
  let phase = workgroupUniformLoad(&sh_phase);
  let alpha = control[at + ALPHA];
  if (control[at + FRESH] == 1.0) {
    for (var i = first + lane; i < end; i += 64u) {
      f[i] = u[i];
      along[i] = vec4f();
    }
  } else if (phase != DONE) {
    for (var i = first + lane; i < end; i += 64u) { along[i] += alpha * u[i]; }
  }
  if (phase != LINE) { return; }
  let ws = control[at + WEIGHT_STEP];
  let ss = control[at + STEP_STEP];
  var low = 0.0;
  var high = -1.0; // none yet
  var start = 0.0;
  var t = 0.0;
  for (var round = 0u; round < ROUNDS; round++) {
    var pull = 0.0;
    var bend = 0.0;
    for (var i = first + lane; i < end; i += 64u) {
      let c = targets[i];
      let a = along[i];
      let short = max(vec4f(), 1.0 - sign(c) * (f[i] + t * a));
      pull += dot(c * a, short);
      bend += dot(abs(c) * a * a, select(vec4f(), vec4f(1.0), short > vec4f()));
    }
    let slope = ws + t * ss - 2.0 * workgroup_sum(pull, lane);
    let curve = ss + 2.0 * workgroup_sum(bend, lane);
    if (round == 0u) { start = abs(slope); }
    if (lane == 0u) {
      if (slope < 0.0) { low = t; } else { high = t; }
      var next = t - slope / curve;
      if (high >= 0.0 && !(next > low && next < high)) { next = 0.5 * (low + high); }
      sh_next = vec2f(next, select(0.0, 1.0, abs(slope) <= NEAR * start));
    }
    let next = workgroupUniformLoad(&sh_next);
    if (next.y == 1.0) { break; }
    t = next.x;
  }
  if (lane == 0u) { control[at + MOVE] = t; }
}
