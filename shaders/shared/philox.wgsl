// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four random words as a
// function of a counter and a key. Ours: key = (seed lo, seed hi), counter = (block of 4 elements, sample or row,
// variant or step, stream). src/generators/random.ts is its twin on the host.

// High 32 bits of a * b.
fn mul_hi(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let low = ah * bl + ((al * bl) >> 16u);
  let high = al * bh + (low & 0xffffu);
  return ah * bh + (low >> 16u) + (high >> 16u);
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k = key;
  for (var round = 0; round < 10; round++) {
    c = vec4u(
      mul_hi(0xCD9E8D57u, c.z) ^ c.y ^ k.x,
      0xCD9E8D57u * c.z,
      mul_hi(0xD2511F53u, c.x) ^ c.w ^ k.y,
      0xD2511F53u * c.x,
    );
    k += vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return c;
}

// A whole number below n, each with the same chance (to within n / 2^32).
fn below(word: u32, n: u32) -> u32 {
  return mul_hi(word, n);
}

// Uniform in the open interval (0, 1): the middle of one of 2^23 steps, all of them exact in f32.
fn uniform_open(word: u32) -> f32 {
  return (f32(word >> 9u) + 0.5) * 0x1p-23;
}
