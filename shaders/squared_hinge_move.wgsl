// Ends a Newton step, behind squared_hinge_line.wgsl: w += t s, and p = w, so that the next tick's scores are those of the
// new weights. w, s, p: [rows, size]. One workgroup moves one row.
#import index
#import squared_hinge_control

struct Params { vectors: u32 }

@group(0) @binding(0) var<storage, read_write> w: array<vec4f>;
@group(0) @binding(1) var<storage, read> s: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> control: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

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
  if (workgroupUniformLoad(&sh_phase) != LINE) { return; }
  let t = control[at + MOVE];
  for (var j = base + lane; j < base + params.vectors; j += 64u) {
    let moved = w[j] + t * s[j];
    w[j] = moved;
    p[j] = moved;
  }
  if (lane == 0u) { control[at + PHASE] = GRADIENT; }
}
