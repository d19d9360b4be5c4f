/**
 * What a started frame tells the element around it: how tall it is and where it stands. Nothing
 * goes the other way, so no site can start, or keep going, what its visitor did not start.
 */

/** Taller than all that the frame shows; a frame is another site's and is not believed beyond it. */
const HEIGHT_PX_MAX = 2000

export interface FrameMessage {
  readonly kora: 'frame'
  readonly heightPx: number
  readonly phase: string
  readonly clearedMicro: number
}

/** Null for whatever else pages say to one another. */
export function readFrameMessage(data: unknown): FrameMessage | null {
  if (typeof data !== 'object' || data === null) return null
  const { kora, heightPx, phase, clearedMicro }: Partial<Record<keyof FrameMessage, unknown>> = data
  if (kora !== 'frame' || typeof heightPx !== 'number' || typeof phase !== 'string') return null
  if (!Number.isFinite(heightPx) || heightPx < 0 || typeof clearedMicro !== 'number') return null
  return { kora, heightPx: Math.min(heightPx, HEIGHT_PX_MAX), phase, clearedMicro }
}
