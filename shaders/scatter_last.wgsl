// y = data [lines, size, inner], replaced by updates [lines, count, inner] at places [lines, count]; the last update of
// a place counts. Three passes: `clear` sets winners [lines, size] to 0; in `vote` each update leaves its number + 1 if
// it is the largest; `main` copies one element an invocation.
#import index

const WG_SIZE: u32 = 256u;

struct Params { lines: u32, size: u32, inner: u32, count: u32 }

@group(0) @binding(0) var<storage, read_write> winners: array<atomic<u32>>;
@group(0) @binding(1) var<storage, read> places: array<i32>;
@group(0) @binding(2) var<storage, read> data: array<u32>;
@group(0) @binding(3) var<storage, read> updates: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<u32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn clear(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i < params.lines * params.size) { atomicStore(&winners[i], 0u); }
}

@compute @workgroup_size(WG_SIZE)
fn vote(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.lines * params.count) { return; }
  let place = places[i];
  if (place < 0 || place >= i32(params.size)) { return; }
  atomicMax(&winners[i / params.count * params.size + u32(place)], i % params.count + 1u);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.lines * params.size * params.inner) { return; }
  let row = i / params.inner;
  let winner = atomicLoad(&winners[row]);
  let update = (row / params.size * params.count + winner - 1u) * params.inner + i % params.inner;
  if (winner == 0u) { y[i] = data[i]; } else { y[i] = updates[update]; }
}
