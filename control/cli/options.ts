/** Flags that several verbs share, and their reading. Nothing here touches a disk. */
import { type Command, InvalidArgumentError, Option } from 'commander'

export const dataOption = () =>
  new Option('--data <folder>', 'where keys, ledger, models and blobs are kept')
    .env('KORA_DATA')
    .default('.kora')
export const jsonOption = () => new Option('--json', 'print one JSON document').default(false)
export const outOption = () =>
  new Option('--out <folder>', 'write the outputs there: .npy, .bin and .json files')
export const inputOption = () =>
  new Option('--input <name=file>', 'a graph input; repeat for more')
    .argParser(collectNamed('name=file'))
    .default({}, 'none')
export const setOption = () =>
  new Option('--set <key=value>', 'a setting other than the scenario says; repeat for more')
    .argParser(collectNamed('key=value'))
    .default({}, 'none')

export type InputFlags = Readonly<Record<string, string>>

/** A name given twice is a mistake rather than a list. */
function collectNamed(form: string): (text: string, before: InputFlags) => InputFlags {
  return (text, before) => {
    const cut = text.indexOf('=')
    const name = text.slice(0, cut)
    if (cut < 1 || cut === text.length - 1) {
      throw new InvalidArgumentError(`Write it as ${form}.`)
    }
    if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`"${name}" is given twice.`)
    return { ...before, [name]: text.slice(cut + 1) }
  }
}

export const collect = (text: string, before: readonly string[]): readonly string[] => [
  ...before,
  text
]

/** A whole number within bounds, or a usage error that says which. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`)
    }
    return value
  }
}

export const SWEEP_DESCRIPTION = 'measure one thing with many settings'

/** The command that holds others, made where it is not there yet. */
export function groupOf(parent: Command, name: string, description: string): Command {
  const known = parent.commands.find((one) => one.name() === name)
  return known ?? parent.command(name).description(description)
}
