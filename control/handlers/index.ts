/**
 * The table of deterministic handlers: everything that KORA does without a model. A task names its
 * handler; nothing is looked up outside this table.
 */
import {
  AUDIO_DURATION_MS_MAX,
  IMAGE_PIXELS_MAX,
  MeshError,
  PAGE_LINES_MAX,
  type Value
} from '#contracts'
import { AUDIO_HANDLERS } from './audio.ts'
import { GENERAL_HANDLERS } from './general.ts'
import type { Handler, HandlerContext } from './handler.ts'
import { IMAGE_HANDLERS } from './image.ts'
import { PAGE_HANDLERS } from './page.ts'
import { TENSOR_HANDLERS } from './tensor.ts'

export type { Handler, HandlerContext } from './handler.ts'

export const HANDLERS: Readonly<Record<string, Handler>> = {
  ...AUDIO_HANDLERS,
  ...GENERAL_HANDLERS,
  ...IMAGE_HANDLERS,
  ...PAGE_HANDLERS,
  ...TENSOR_HANDLERS
}

export const HANDLER_DEFAULTS: HandlerContext = {
  audioDurationMsMax: AUDIO_DURATION_MS_MAX,
  imagePixelsMax: IMAGE_PIXELS_MAX,
  pageLinesMax: PAGE_LINES_MAX
}

/** The handler of that name; a name that is no handler is the graph author's fault. */
function findHandler(name: string): Handler {
  const handler = Object.hasOwn(HANDLERS, name) ? HANDLERS[name] : undefined
  if (handler === undefined) throw new MeshError('handler.unknown', { handler: name.slice(0, 80) })
  return handler
}

/** Runs a handler by name. Equal arguments give equal results. */
export function runHandler(
  name: string,
  args: Value,
  context: HandlerContext = HANDLER_DEFAULTS
): Value {
  return findHandler(name).run(args, context)
}
