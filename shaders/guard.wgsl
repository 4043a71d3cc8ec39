// health = 1 + step at the first step whose loss is not finite; it stays. One invocation. rng[2] is the step.
#import guard

@group(0) @binding(0) var<storage, read_write> health: array<u32>;
@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read> rng: array<u32>;

@compute @workgroup_size(1)
fn main() {
  if (health[0] == 0u && !healthy(0u, loss[0])) { health[0] = 1u + rng[2]; }
}
