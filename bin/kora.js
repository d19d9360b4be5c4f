#!/usr/bin/env node
/**
 * `kora`: finds a Node that can run the program, then hands over.
 *
 * Written so that Node 20 can read it. It parses no arguments and knows no command.
 */
import { start } from './start.js'

await start(() => import('../control/cli/main.ts'))
