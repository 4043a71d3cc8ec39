// Rows of Newton's method with conjugate gradients on |w|^2 / 2 + sum_i c_i max(0, 1 - y_i w.x_i)^2, where z: [rows,
// size] is the samples' pull through the features. w, s (the Newton step), r (what is left of its equation), p (the
// direction): [rows, size]. One workgroup computes one row.
//   gradient:   g = w - z; done where |g| <= tolerance |w|, or |s| <= tolerance |w| PATIENCE times in a row, as where f32
//               lets g fall no further; else r = p = -g, s = 0
//   conjugate:  q = p + z, alpha = r.r / p.q, s += alpha p, r -= alpha q, p = r + (r.r new / old) p
// The Hessian is at least the identity, so that |g| bounds the distance to the solution; |s| estimates it. A step ends where |r| has
// fallen by max(10, sqrt(|g first| / |g|)) (Dembo, Eisenstat, Steihaug 1982: superlinear).
#import index
#import workgroup_sum
#import squared_hinge_control

struct Params { vectors: u32, tolerance: f32, most_inner: f32, most_outer: f32 }

@group(0) @binding(0) var<storage, read> z: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> s: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> r: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> control: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

const PATIENCE: f32 = 3.0;

var<workgroup> sh_phase: f32;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = flat_group(wg_id, workgroups);
  let at = row * CONTROL_SIZE;
  let base = row * params.vectors;
  if (lane == 0u) { sh_phase = control[at + PHASE]; }
  let phase = workgroupUniformLoad(&sh_phase);
  if (phase == GRADIENT) {
    take_gradient(at, base, lane);
  } else if (phase == CONJUGATE) {
    go_on(at, base, lane);
  } else if (lane == 0u) {
    control[at + FRESH] = 0.0;
  }
}

fn take_gradient(at: u32, base: u32, lane: u32) {
  var gradient = 0.0;
  var weights = 0.0;
  for (var j = base + lane; j < base + params.vectors; j += 64u) {
    let left = z[j] - w[j];
    r[j] = left;
    p[j] = left;
    s[j] = vec4f();
    gradient += dot(left, left);
    weights += dot(w[j], w[j]);
  }
  let gg = workgroup_sum(gradient, lane);
  let ww = workgroup_sum(weights, lane);
  if (lane != 0u) { return; }
  if (control[at + OUTER] == 0.0) { control[at + FIRST] = gg; }
  let bound = params.tolerance * params.tolerance * ww;
  let ss = control[at + STEP_STEP];
  let short = control[at + OUTER] > 0.0 && ss <= bound;
  control[at + SHORT] = select(0.0, control[at + SHORT] + 1.0, short);
  let near = gg <= bound;
  let ends = near || control[at + SHORT] >= PATIENCE || control[at + OUTER] >= params.most_outer;
  control[at + PHASE] = select(CONJUGATE, DONE, ends);
  control[at + ERROR] = select(0.0, sqrt(min(gg, ss) / ww), gg > 0.0);
  control[at + RHO] = gg;
  control[at + ALPHA] = 0.0;
  control[at + LIMIT] = gg * min(0.01, sqrt(gg / control[at + FIRST]));
  control[at + FRESH] = 1.0;
  control[at + INNER] = 0.0;
  control[at + OUTER] += 1.0;
}

fn go_on(at: u32, base: u32, lane: u32) {
  let rho = control[at + RHO];
  var product = 0.0;
  for (var j = base + lane; j < base + params.vectors; j += 64u) { product += dot(p[j], p[j] + z[j]); }
  let alpha = rho / workgroup_sum(product, lane);
  var residual = 0.0;
  var weight_step = 0.0;
  var step_step = 0.0;
  for (var j = base + lane; j < base + params.vectors; j += 64u) {
    let left = r[j] - alpha * (p[j] + z[j]);
    let step = s[j] + alpha * p[j];
    r[j] = left;
    s[j] = step;
    residual += dot(left, left);
    weight_step += dot(w[j], step);
    step_step += dot(step, step);
  }
  let rr = workgroup_sum(residual, lane);
  let ws = workgroup_sum(weight_step, lane);
  let ss = workgroup_sum(step_step, lane);
  let beta = rr / rho;
  for (var j = base + lane; j < base + params.vectors; j += 64u) { p[j] = r[j] + beta * p[j]; }
  if (lane != 0u) { return; }
  let inner = control[at + INNER] + 1.0;
  let ends = rr <= control[at + LIMIT] || inner >= params.most_inner;
  control[at + PHASE] = select(CONJUGATE, LINE, ends);
  control[at + RHO] = rr;
  control[at + ALPHA] = alpha;
  control[at + FRESH] = 0.0;
  control[at + WEIGHT_STEP] = ws;
  control[at + STEP_STEP] = ss;
  control[at + INNER] = inner;
}
