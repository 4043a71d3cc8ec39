// Intersection over union of boxes (x1, y1, x2, y2); not a number where both are empty.
fn box_iou(a: vec4f, b: vec4f) -> f32 {
  let overlap = max(min(a.zw, b.zw) - max(a.xy, b.xy), vec2f());
  let shared_area = overlap.x * overlap.y;
  let sizes = vec4f(a.zw - a.xy, b.zw - b.xy);
  return shared_area / (sizes.x * sizes.y + sizes.z * sizes.w - shared_area);
}
