/** Tokens are counted in whole thousandths: ten times 0.1 is less than 1 in floating point. */
export const unit = 1000;

export function thousandths(tokens: number): number {
  return Math.round(tokens * unit);
}
