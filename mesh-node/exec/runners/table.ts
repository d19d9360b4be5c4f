/**
 * The table of runners, by the names that manifests use. Platform-neutral: the donate page runs the
 * same runners over ONNX Runtime Web.
 */
import type { RunnerName } from '#contracts'
import { moonshineRunner } from './moonshine.ts'
import { ocrDetectRunner } from './ocr-detect.ts'
import { ocrDirectionRunner, ocrRecognizeRunner } from './ocr-lines.ts'
import type { Runner } from './runner.ts'
import { sileroVadRunner } from './silero-vad.ts'
import { tensorRunner } from './tensor.ts'

export const RUNNERS_BY_NAME: Readonly<Record<RunnerName, Runner>> = {
  moonshine: moonshineRunner,
  'ocr-detect': ocrDetectRunner,
  'ocr-direction': ocrDirectionRunner,
  'ocr-recognize': ocrRecognizeRunner,
  'silero-vad': sileroVadRunner,
  tensor: tensorRunner
}
