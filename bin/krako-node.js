#!/usr/bin/env node
/**
 * `krako-node`: finds a Node that can run the program, then hands over.
 *
 * Written so that Node 20 can read it. It parses no arguments and knows no command.
 */
import { start } from './start.js'

await start(() => import('../mesh-node/cli/main.ts'))
