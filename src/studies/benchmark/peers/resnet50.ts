/** The blocks of ResNet-50 for peers that build it from raw operations. */

/** A bottleneck by torchvision's name. */
export interface Bottleneck {
  readonly name: string;
  /** Of its 3 x 3 convolution, and of the shortcut's. */
  readonly stride: number;
  /** Whether the shortcut is a convolution with a norm. */
  readonly shortcut: boolean;
}

const BLOCKS = [3, 4, 6, 3];

/** All blocks in order. */
export function bottlenecks(): Bottleneck[] {
  return BLOCKS.flatMap((count, stage) =>
    Array.from({ length: count }, (_, i) => ({
      name: `layer${stage + 1}.${i}`,
      stride: stage > 0 && i === 0 ? 2 : 1,
      shortcut: i === 0,
    }))
  );
}
