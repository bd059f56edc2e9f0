import { readFileSync } from 'node:fs'

/** The kernel tells CPU times in units of 10 ms on every Linux (USER_HZ, proc(5)). */
const TICK_MS = 10

/** CPU time that all threads of a process have taken so far, ms. */
export function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may hold spaces: count from behind it. utime and stime are fields 14 and 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** Memory of a process that is in RAM now, its program's file pages included, MiB. */
export function rssMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]
  if (kib === undefined) throw new Error(`process ${pid} is over`)
  return Number(kib) / 1024
}

/** Time that a hypervisor gave to others while a CPU of this machine had work, all CPUs together, ms. */
export function stolenMs(): number {
  const total = /^cpu .*$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[0].split(/\s+/)
  return Number(total?.[8] ?? 0) * TICK_MS
}
