/**
 * Half and single precision, exactly: which of them can hold a number, and what bits it has
 * there. Written out because `Math.f16round` is not in every runtime we support, and because
 * every digit of a subnormal half must come through.
 */

const scratch = new DataView(new ArrayBuffer(4))

export const HALF_NAN = 0x7e00
const HALF_INFINITY = 0x7c00

/** The 16 bits of a number that half precision holds exactly, or undefined. */
export function halfBits(value: number): number | undefined {
  if (Number.isNaN(value)) return HALF_NAN
  if (!isSingle(value)) return undefined
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 0xff) - 127
  const mantissa = bits & 0x7f_ffff
  if (exponent === 128) return sign | HALF_INFINITY
  if (exponent === -127 && mantissa === 0) return sign
  if (exponent > 15 || exponent < -24) return undefined
  if (exponent >= -14) {
    const exact = (mantissa & 0x1fff) === 0
    return exact ? sign | ((exponent + 15) << 10) | (mantissa >>> 13) : undefined
  }
  const shift = -1 - exponent
  const whole = mantissa | 0x80_0000
  return (whole & ((1 << shift) - 1)) === 0 ? sign | (whole >>> shift) : undefined
}

export function numberOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (mantissa + 1024) * 2 ** (exponent - 25)
}

/** Whether single precision holds the number exactly. */
export function isSingle(value: number): boolean {
  return Math.fround(value) === value
}
