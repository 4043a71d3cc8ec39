// The loss scale after a step, while the run is healthy: half of it where the gradient was not finite, twice as much after
// `interval` steps in a row in which it was. One invocation. The gradient's norm is not finite where a gradient is not.
#import guard

struct Params { interval: f32 }

@group(0) @binding(0) var<storage, read_write> scale: array<f32>;
@group(0) @binding(1) var<storage, read_write> steps: array<f32>;
@group(0) @binding(2) var<storage, read> norm: array<f32>;
@group(0) @binding(3) var<storage, read> loss: array<f32>;
@group(0) @binding(4) var<storage, read> health: array<u32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
  if (!healthy(health[0], loss[0])) { return; }
  if (!healthy(0u, norm[0])) {
    scale[0] *= 0.5;
    steps[0] = 0.0;
    return;
  }
  let good = steps[0] + 1.0;
  let grows = good >= params.interval;
  scale[0] *= select(1.0, 2.0, grows);
  steps[0] = select(good, 0.0, grows);
}
