/** What a run of the simulator may take of this machine's memory. */
import { getHeapStatistics } from 'node:v8'

const BYTES_PER_MB = 1024 * 1024

/** What Node lets its heap grow to, where the machine has so much. */
export function memoryMb(): number {
  const { heap_size_limit: heapBytes } = getHeapStatistics()
  return Math.min(heapBytes, process.availableMemory()) / BYTES_PER_MB
}
