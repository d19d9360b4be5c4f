/**
 * Disks that fill up and are freed in the middle of things. A small one of its own below a folder,
 * where this user may mount; and, for any user, a limit under which a process's files grow no more.
 */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'

/** Not of any store: they leave it alone, or it lies beside what they read. */
const FILL = 'fill'

export class SmallDisk {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Puts a disk of so many MiB under the folder, with what lies there; null where none may be mounted. */
  static under(folder: string, mib: number): SmallDisk | null {
    const aside = `${folder}.aside`
    if (existsSync(folder)) renameSync(folder, aside)
    mkdirSync(folder, { recursive: true })
    try {
      const options = ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', folder]
      execFileSync('mount', options, { stdio: 'ignore' })
    } catch {
      rmSync(folder, { recursive: true })
      if (existsSync(aside)) renameSync(aside, folder)
      return null
    }
    const disk = new SmallDisk(folder)
    try {
      if (existsSync(aside)) cpSync(aside, folder, { recursive: true })
    } catch (error) {
      disk.unmount()
      throw error
    }
    rmSync(aside, { recursive: true, force: true })
    return disk
  }

  /** To the last byte, or almost. */
  fill({ leaving = 0 } = {}): void {
    for (const step of [65_536, 4_096]) {
      try {
        for (;;) writeFileSync(join(this.folder, FILL), Buffer.alloc(step), { flag: 'a' })
      } catch {
        // the disk is full to that step
      }
    }
    const path = join(this.folder, FILL)
    if (leaving > 0) truncateSync(path, statSync(path).size - leaving)
  }

  free(): void {
    rmSync(join(this.folder, FILL), { force: true })
  }

  unmount(): void {
    execFileSync('umount', [this.folder])
  }
}

/** No file of the process grows from now on: the system refuses as a full disk does. */
export function stopGrowth(pid: number): void {
  execFileSync('prlimit', ['--pid', String(pid), '--fsize=0:'])
}

/** What a write that was cut off may have left. */
export const halfWritten = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
        /\.(part|tmp)$|(^|\/)temporary\/.|\/\.baf/.test(name)
      )
    : []
