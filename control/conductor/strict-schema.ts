/**
 * The default that the rules of graphs give a task's schema: an object takes the properties it names and no
 * others, unless the schema says otherwise. Left alone is every subschema that is combined with
 * another one, since there the default would change what the author wrote.
 */
import type { JsonSchema } from '#contracts'

/** Keywords that state what further properties are, or combine this schema with another. */
const STATED = [
  'additionalProperties',
  'unevaluatedProperties',
  'patternProperties',
  'propertyNames',
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'dependentSchemas',
  '$ref',
  '$dynamicRef'
] as const

/** Equal schemas give equal results; the schema given is not changed. */
export function strictSchema(schema: JsonSchema): JsonSchema {
  const strict = strictNode(schema)
  return isNode(strict) || typeof strict === 'boolean' ? strict : schema
}

type Json = Exclude<JsonSchema, boolean>[string]
type Node = { [key: string]: Json }

const isNode = (value: Json | undefined): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function strictNode(schema: Json): Json {
  if (!isNode(schema) || STATED.some((key) => key !== 'additionalProperties' && key in schema))
    return schema
  const entries = Object.entries(schema).map(([key, value]): [string, Json] => {
    if (key === 'properties' && isNode(value))
      return [key, Object.fromEntries(Object.entries(value).map(([k, v]) => [k, strictNode(v)]))]
    if (key === 'items') return [key, strictNode(value)]
    if (key === 'prefixItems' && Array.isArray(value)) return [key, value.map(strictNode)]
    return [key, value]
  })
  const closes = 'properties' in schema && !('additionalProperties' in schema)
  return Object.fromEntries(closes ? [...entries, ['additionalProperties', false]] : entries)
}
