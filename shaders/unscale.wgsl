// The factor that unscales a gradient, and the length of the unscaled one from that of the scaled one, or the loss where
// that is not finite. One invocation.
#import guard

@group(0) @binding(0) var<storage, read> scale: array<f32>;
@group(0) @binding(1) var<storage, read> scaled_norm: array<f32>;
@group(0) @binding(2) var<storage, read> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> factor: array<f32>;
@group(0) @binding(4) var<storage, read_write> norm: array<f32>;

@compute @workgroup_size(1)
fn main() {
  factor[0] = 1.0 / scale[0];
  norm[0] = select(loss[0], scaled_norm[0] / scale[0], healthy(0u, loss[0]));
}
