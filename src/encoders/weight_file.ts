/** ResNet weights in files of others: torchvision's, and training codes whose networks bear the same names inside. */

import { readSafetensors, type StoredTensor } from "../data/safetensors.ts";
import { readTorchFile } from "../data/torch_file.ts";
import { UserError } from "../errors.ts";
import type { ResnetSpec } from "./resnet.ts";

/** A ResNet in a file. */
export interface EncoderWeights {
  /** By torchvision's names, in torch's layout; what is not the encoder's is gone. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The network that the names and shapes tell of. */
  readonly spec: ResnetSpec;
}

/** Every ResNet has this one; what stands in front of it stands in front of all. */
const MARK = "layer1.0.conv1.weight";
/** Networks that follow another one (MoCo's keys, BYOL's target), and the optimiser's momenta. */
const FOLLOWER = /(^|\.)(momentum|target|encoder_k)(_\w+)?\./;
/** Not of the encoder: the classifier, and counts that only a momentum of null would use. */
const BESIDE = /^fc\.|num_batches_tracked$/;
/** Names of the authors' resnet_big.py (and SupContrast's) beside torchvision's. */
const RENAMES: readonly (readonly [RegExp, string])[] = [
  [/^stem\.0\./, "conv1."],
  [/^stem\.1\./, "bn1."],
  [/\.shortcut\./, ".downsample."],
];

/**
 * Reads a safetensors file or one of torch.save, a checkpoint of this program among them. A prefix of all names, such as
 * `state_dict.module.encoder_q.`, is found and cut off. A file without a ResNet, or with several, is a UserError.
 */
export async function readEncoderWeights(path: string): Promise<EncoderWeights> {
  const all = path.endsWith(".safetensors") ? (await readSafetensors(path)).tensors : await readTorchFile(path);
  const found = [...all.keys()].filter((name) => name === MARK || name.endsWith(`.${MARK}`));
  const prefixes = found.map((name) => name.slice(0, -MARK.length));
  const own = prefixes.filter((prefix) => !FOLLOWER.test(prefix));
  const [prefix, ...others] = own.length > 0 ? own : prefixes;
  if (prefix === undefined) {
    const names = [...all.keys()].slice(0, 3).join(", ");
    throw new UserError(
      `${path} holds no ResNet: looked for a tensor named ...${MARK}, its names are ${names} and so on`,
    );
  }
  if (others.length > 0) {
    throw new UserError(`${path} holds several ResNets, ${own.join(" and ")}: save the state dict of one of them`);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of all) {
    if (!name.startsWith(prefix)) continue;
    const short = RENAMES.reduce((text, [from, to]) => text.replace(from, to), name.slice(prefix.length));
    if (!BESIDE.test(short)) tensors.set(short, tensor);
  }
  return { tensors, spec: specOf(tensors, path) };
}

/** The network that some tensors are of. */
function specOf(tensors: ReadonlyMap<string, StoredTensor>, path: string): ResnetSpec {
  const [width, , kernel] = tensors.get("conv1.weight")?.shape ?? [];
  if (width === undefined || (kernel !== 7 && kernel !== 3)) {
    const shape = tensors.get("conv1.weight")?.shape;
    throw new UserError(
      `${path}: conv1.weight is ${
        shape ? `[${shape}]` : "missing"
      }, a ResNet's is [width, 3, 7, 7] or [width, 3, 3, 3]`,
    );
  }
  const blocks: number[] = [];
  for (let stage = 1; tensors.has(`layer${stage}.0.conv1.weight`); stage++) {
    let count = 1;
    while (tensors.has(`layer${stage}.${count}.conv1.weight`)) count++;
    blocks.push(count);
  }
  const bottleneck = tensors.has("layer1.0.conv3.weight");
  return { blocks, bottleneck, stem: kernel === 7 ? "imagenet" : "cifar", width };
}
