/**
 * Two-sided p-value of Student's t: how probable so large a |t| is where there is no difference.
 *
 * @param df degrees of freedom, above 0; need not be whole
 */
export function studentP(t: number, df: number): number {
  return Number.isFinite(t) ? betaShare(df / (df + t * t), df / 2, 0.5) : 0;
}

/** The regularized incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22). */
function betaShare(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  // The fraction converges fast below the mean; above it the other tail does (DLMF 8.17.4).
  if (x > (a + 1) / (a + b + 2)) return 1 - betaShare(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  let value = 1;
  for (let m = TERMS; m >= 1; m--) {
    const odd = (-(a + m - 1) * (a + b + m - 1) * x) / ((a + 2 * m - 2) * (a + 2 * m - 1));
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    value = 1 + odd / (1 + even / value);
  }
  return front / (a * value);
}

/** Of the continued fraction: it converges in O(√max(a, b)) of them, and degrees of freedom are a few dozens. */
const TERMS = 200;

/** ln Γ(x) for x > 0: Stirling's series (DLMF 5.11.1) beyond 10, and Γ(x + 1) = x Γ(x) up to there. */
function logGamma(x: number): number {
  if (x < 10) return logGamma(x + 1) - Math.log(x);
  const series = 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5) - 1 / (1680 * x ** 7);
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series;
}
