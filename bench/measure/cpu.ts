import { globSync, readFileSync } from 'node:fs'

/** proc(5) counts in hundredths of a second; here are microseconds. */
const tick = 10_000

/**
 * Microseconds of processor time that a process has used in all of its threads, with its children and theirs, also
 * those that have ended.
 */
export function cpuOf(pid: number): number {
  const children = Map.groupBy(readProcesses(), ({ parent }) => parent)
  const sum = (one: ProcessTimes): number =>
    one.time + (children.get(one.pid) ?? []).reduce((total, child) => total + sum(child), 0)
  const [own] = [...children.values()].flat().filter((one) => one.pid === pid)
  if (!own) throw new Error(`Process ${pid} has ended`)
  return sum(own)
}

type ProcessTimes = { readonly pid: number; readonly parent: number; readonly time: number }

function readProcesses(): ProcessTimes[] {
  return globSync('/proc/[0-9]*').flatMap((folder) => {
    try {
      return [readTimes(folder)]
    } catch {
      return [] // It ended meanwhile.
    }
  })
}

function readTimes(folder: string): ProcessTimes {
  // Behind the name, which may hold anything: from field 3 on.
  const fields = readFileSync(`${folder}/stat`, 'utf8').split(') ').at(-1)!.split(' ').map(Number)
  // Of itself and of the children it has waited for, in user and in kernel mode.
  const times = fields.slice(11, 15)
  return {
    pid: Number(folder.slice('/proc/'.length)),
    parent: fields[1]!,
    time: times.reduce((sum, time) => sum + time, 0) * tick,
  }
}

/** What all processors together have done so far, in microseconds, and how much of it was nothing. */
export function machineTimes(): { total: number; idle: number } {
  // user nice system idle iowait irq softirq steal; what a virtual machine was not given was used by others.
  const times = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/\s+/).slice(1, 9).map(Number)
  const total = times.reduce((sum, time) => sum + time, 0)
  return { total: total * tick, idle: (times[3]! + times[4]!) * tick }
}
