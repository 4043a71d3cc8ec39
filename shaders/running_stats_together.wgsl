// Running statistics of 6 batch normalisations: r += momentum * (batch - r), the batch's variance taken unbiased.
// One invocation updates mean and variance of one channel of one of them; the channels of the layers follow one another.
#import guard
#import member

const WG_SIZE: u32 = 64u;

// ends: channels of each layer and of those before it; unbiased: n / (n - 1) of each layer.
struct Params { ends: array<vec4u, 2>, unbiased: array<vec4f, 2>, channels: u32, momentum: f32 }

@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read> health: array<u32>;
@group(0) @binding(2) var<storage, read_write> running_mean0: array<f32>;
@group(0) @binding(3) var<storage, read_write> running_var0: array<f32>;
@group(0) @binding(4) var<storage, read> mean0: array<f32>;
@group(0) @binding(5) var<storage, read> variance0: array<f32>;
@group(0) @binding(6) var<storage, read_write> running_mean1: array<f32>;
@group(0) @binding(7) var<storage, read_write> running_var1: array<f32>;
@group(0) @binding(8) var<storage, read> mean1: array<f32>;
@group(0) @binding(9) var<storage, read> variance1: array<f32>;
@group(0) @binding(10) var<storage, read_write> running_mean2: array<f32>;
@group(0) @binding(11) var<storage, read_write> running_var2: array<f32>;
@group(0) @binding(12) var<storage, read> mean2: array<f32>;
@group(0) @binding(13) var<storage, read> variance2: array<f32>;
@group(0) @binding(14) var<storage, read_write> running_mean3: array<f32>;
@group(0) @binding(15) var<storage, read_write> running_var3: array<f32>;
@group(0) @binding(16) var<storage, read> mean3: array<f32>;
@group(0) @binding(17) var<storage, read> variance3: array<f32>;
@group(0) @binding(18) var<storage, read_write> running_mean4: array<f32>;
@group(0) @binding(19) var<storage, read_write> running_var4: array<f32>;
@group(0) @binding(20) var<storage, read> mean4: array<f32>;
@group(0) @binding(21) var<storage, read> variance4: array<f32>;
@group(0) @binding(22) var<storage, read_write> running_mean5: array<f32>;
@group(0) @binding(23) var<storage, read_write> running_var5: array<f32>;
@group(0) @binding(24) var<storage, read> mean5: array<f32>;
@group(0) @binding(25) var<storage, read> variance5: array<f32>;
@group(0) @binding(26) var<uniform> params: Params;

fn moved(running: f32, batch: f32) -> f32 {
  return running + params.momentum * (batch - running);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u) {
  let index = global_id.x;
  if (index >= params.channels || !healthy(health[0], loss[0])) { return; }
  let place = member_of(index, params.ends);
  let i = place.i;
  let unbiased = params.unbiased[place.tensor >> 2u][place.tensor & 3u];
  switch place.tensor {
    case 0u: {
      running_mean0[i] = moved(running_mean0[i], mean0[i]);
      running_var0[i] = moved(running_var0[i], variance0[i] * unbiased);
    }
    case 1u: {
      running_mean1[i] = moved(running_mean1[i], mean1[i]);
      running_var1[i] = moved(running_var1[i], variance1[i] * unbiased);
    }
    case 2u: {
      running_mean2[i] = moved(running_mean2[i], mean2[i]);
      running_var2[i] = moved(running_var2[i], variance2[i] * unbiased);
    }
    case 3u: {
      running_mean3[i] = moved(running_mean3[i], mean3[i]);
      running_var3[i] = moved(running_var3[i], variance3[i] * unbiased);
    }
    case 4u: {
      running_mean4[i] = moved(running_mean4[i], mean4[i]);
      running_var4[i] = moved(running_var4[i], variance4[i] * unbiased);
    }
    default: {
      running_mean5[i] = moved(running_mean5[i], mean5[i]);
      running_var5[i] = moved(running_var5[i], variance5[i] * unbiased);
    }
  }
}
