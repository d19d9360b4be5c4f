/**
 * Silences ONNX Runtime before it is loaded: from 1.30 on it reports to its maker's servers by
 * default, and keeps files for that in the folder of temporary files. Import this first, since the
 * runtime reads the variable once.
 */
import { env } from 'node:process'

env['ORT_DISABLE_TELEMETRY'] = '1'
