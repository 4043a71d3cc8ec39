// One step of SGD as torch.optim.SGD does it: g += weight_decay * p; buf = momentum * buf + g; p -= lr * buf.
struct Stepped { p: vec4f, buf: vec4f }

fn sgd(p: vec4f, buf: vec4f, gradient: vec4f, lr: f32, momentum: f32, weight_decay: f32) -> Stepped {
  let next = momentum * buf + (gradient + weight_decay * p);
  return Stepped(p - lr * next, next);
}
