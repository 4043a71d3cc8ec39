// How much each sample pulls at each problem's weights: pull: [rows, samples], of u, f, targets: [rows, samples].
// With cost c >= 0 and sign y, target = y c. For the gradient, at the scores u: 2 y c max(0, 1 - y u), which is minus the
// loss's derivative to a score; for a conjugate gradient: 2 c u where y f < 1, the loss's curvature at f times u; 0 for
// a problem that is done. One invocation computes one vec4.
#import index
#import squared_hinge_control

struct Params { rows: u32, vectors: u32 }

@group(0) @binding(0) var<storage, read> u: array<vec4f>;
@group(0) @binding(1) var<storage, read> f: array<vec4f>;
@group(0) @binding(2) var<storage, read> targets: array<vec4f>;
@group(0) @binding(3) var<storage, read> control: array<f32>;
@group(0) @binding(4) var<storage, read_write> pull: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, 64u);
  let row = i / params.vectors;
  if (row >= params.rows) { return; }
  let phase = control[row * CONTROL_SIZE + PHASE];
  let t = targets[i];
  if (phase == GRADIENT) {
    pull[i] = 2.0 * t * max(vec4f(), 1.0 - sign(t) * u[i]);
  } else if (phase == CONJUGATE) {
    pull[i] = select(vec4f(), 2.0 * abs(t) * u[i], sign(t) * f[i] < vec4f(1.0));
  } else {
    pull[i] = vec4f();
  }
}
