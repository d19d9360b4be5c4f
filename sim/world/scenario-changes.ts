/**
 * Settings of a scenario that are other than its file says: named by their keys with dots between, their
 * values in YAML as they would stand there. Whether they are sound is for the scenario's schema to say.
 */
import { parse } from 'yaml'
import { MeshError } from '#contracts'

/** By name, such as `actors.liars` or `vanish.0.at_ms`: the value's text. */
export type ScenarioChanges = Readonly<Record<string, string>>

const NAME = /^[a-z][a-z_]*(\.([a-z][a-z_]*|\d{1,3}))*$/

export const pointerOf = (name: string): string => `/${name.replaceAll('.', '/')}`

/** Throws `sim.setting_invalid` for what is no name or no value. */
export function changed(scenario: unknown, changes: ScenarioChanges): unknown {
  return Object.entries(changes).reduce((before, [name, text]) => {
    if (!NAME.test(name)) {
      throw refused(name, text, 'a setting is named by its keys, with dots between')
    }
    return withValue(before, name.split('.'), parsed(name, text))
  }, scenario)
}

function parsed(name: string, text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw refused(name, text, message.split('\n')[0] ?? '')
  }
}

/** A copy with that value in its place; where a key leads into no map and no list, there is one then. */
function withValue(before: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value
  const inner = isObject(before) ? Reflect.get(before, key) : undefined
  const after = withValue(inner, rest, value)
  if (Array.isArray(before) && /^\d+$/.test(key)) {
    return Object.assign([...before], { [key]: after })
  }
  return { ...(isObject(before) ? before : {}), [key]: after }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const refused = (setting: string, given: string, reason: string): MeshError =>
  new MeshError('sim.setting_invalid', { setting, given, reason })
