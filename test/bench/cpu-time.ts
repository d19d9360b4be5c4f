/**
 * CPU time of processes, which a busy machine changes far less than the clock on the wall. Other
 * processes are read from Linux' /proc; elsewhere there is no figure.
 */
import { existsSync, readFileSync } from 'node:fs'

/** USER_HZ of every Linux that Node runs on. */
const MS_PER_TICK = 10

/** User and system time of this process and of others with their children, in milliseconds; null where it is not to be had. */
export function cpuMs(pids: readonly number[]): number | null {
  const { user, system } = process.cpuUsage()
  let total = (user + system) / 1_000
  const open = [...pids]
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    if (!existsSync(`/proc/${pid}/stat`)) return null
    // the name before it is in brackets and may hold anything; utime and stime are fields 14 and 15
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    total += (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    if (children !== '') open.push(...children.split(' ').map(Number))
  }
  return total
}
