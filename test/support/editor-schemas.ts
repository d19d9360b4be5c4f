/**
 * The JSON Schemas that editors use, made from the shapes. What a shape checks by code alone (content
 * ids, ids of units and sessions) is written here as a pattern beside it.
 */
import { z } from 'zod'
import { cid, dtype, sessionId, TaskGraph, unitId, WorkUnit } from '#contracts'

type Node = Record<string, unknown>

/** Shapes that are code, by identity. */
const WRITTEN: ReadonlyMap<unknown, Node> = new Map<unknown, Node>([
  [cid, { type: 'string', pattern: '^baf[ky]rei[a-z2-7]{52}$' }],
  [unitId, { type: 'string', pattern: '^bafyrei[a-z2-7]{52}$' }],
  [sessionId, { type: 'string', pattern: '^s[0-9a-f]{32}$' }],
  [dtype, { type: 'string' }]
])

const FOLDER = new URL('../../contracts/schemas/', import.meta.url)

/** Maps are read through a check of their keys first: what an editor knows is the map behind it. */
function made(shape: z.core.$ZodType): Node {
  return z.toJSONSchema(shape, {
    target: 'draft-2020-12',
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema instanceof z.ZodPipe) {
        const { $schema: _, ...behind } = made(zodSchema.out)
        Object.assign(jsonSchema, behind)
      }
      Object.assign(jsonSchema, WRITTEN.get(zodSchema))
    }
  })
}

function schemaText(shape: z.ZodType, title: string, description: string): string {
  const { $schema, ...rest } = made(shape)
  return `${JSON.stringify({ $schema, title, description, ...rest }, null, 2)}\n`
}

export function editorSchemas(): readonly { readonly path: URL; readonly text: string }[] {
  return [
    {
      path: new URL('task-graph.schema.json', FOLDER),
      text: schemaText(TaskGraph, 'TaskGraph', 'What KORA is asked to do, version 1.')
    },
    {
      path: new URL('work-unit.schema.json', FOLDER),
      text: schemaText(WorkUnit, 'WorkUnit', 'The one thing that Krako runs, version 1.')
    }
  ]
}
