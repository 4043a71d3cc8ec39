// Number of an invocation when workgroups in x were folded into y (more than 65,535 of them; see
// src/graph/plan.ts): the workgroups of a row follow those of the row before.
fn flat_index(global_id: vec3u, workgroups: vec3u, wg_size: u32) -> u32 {
  return global_id.y * workgroups.x * wg_size + global_id.x;
}

// Same for whole workgroups.
fn flat_group(wg_id: vec3u, workgroups: vec3u) -> u32 {
  return wg_id.y * workgroups.x + wg_id.x;
}
