// Sum over a workgroup of 64 invocations; every invocation gets it. Called by all of them in uniform control flow.
var<workgroup> sh_sum: array<f32, 64>;

fn workgroup_sum(value: f32, lane: u32) -> f32 {
  workgroupBarrier(); // the last sum may still be read
  sh_sum[lane] = value;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (lane < half) { sh_sum[lane] += sh_sum[lane + half]; }
    workgroupBarrier();
  }
  return sh_sum[0];
}

// Largest value over a workgroup of 64 invocations.
fn workgroup_max(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  sh_sum[lane] = value;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (lane < half) { sh_sum[lane] = max(sh_sum[lane], sh_sum[lane + half]); }
    workgroupBarrier();
  }
  return sh_sum[0];
}
