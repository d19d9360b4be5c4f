/** Line pictures for inference benchmarks: every number gives another one, the same everywhere. */
import { Tensor } from '#contracts'

const HEIGHT = 48
const WIDTH = 320

/** Bars of various widths on white: as much work for the network as a line of text. */
export function lineOf(number: number): Tensor {
  const data = new Uint8Array(HEIGHT * WIDTH * 3).fill(255)
  for (let x = 8; x < WIDTH - 8; x++) {
    if ((x * (3 + (number % 7)) + number) % 19 > 8) continue
    for (let y = 10; y < HEIGHT - 10; y++) {
      const at = (y * WIDTH + x) * 3
      data[at] = number & 0xff
      data[at + 1] = (number >> 8) & 0xff
      data[at + 2] = 0
    }
  }
  return new Tensor('uint8', [HEIGHT, WIDTH, 3], data)
}
