/* statistics.c - binomial tails through the incomplete beta function (continued fraction: DLMF 8.17.22). */
#include "cli/statistics.h"

#include <math.h>

#define TINY 1e-300

/* Lentz's method; converges in a few times sqrt(max(a, b)) turns where x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    double c = 1;
    double d = 1 - (a + b) * x / (a + 1);
    double fraction;

    d = 1 / (fabs(d) < TINY ? TINY : d);
    fraction = d;
    for (unsigned turn = 1; turn < 1000000; turn++) {
        double m = turn;
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < TINY ? TINY : d);
        c = fabs(c) < TINY ? TINY : c;
        fraction *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < TINY ? TINY : d);
        c = fabs(c) < TINY ? TINY : c;
        fraction *= d * c;
        if (fabs(d * c - 1) < 1e-14)
            break;
    }
    return fraction;
}

/* I_x(a, b). */
static double incomplete_beta(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double binomial_at_least(uint64_t count, uint64_t n, double p)
{
    if (count == 0)
        return 1;
    return incomplete_beta((double)count, (double)(n - count) + 1, p);
}

double binomial_at_most(uint64_t count, uint64_t n, double p)
{
    if (count >= n)
        return 1;
    return incomplete_beta((double)(n - count), (double)count + 1, 1 - p);
}

double binomial_lower(uint64_t count, uint64_t n, double alpha)
{
    double low = 0;
    double high = (double)count / (double)n;

    for (unsigned i = 0; i < 60 && count > 0; i++) {
        double middle = (low + high) / 2;
        if (binomial_at_least(count, n, middle) > alpha)
            high = middle;
        else
            low = middle;
    }
    return low;
}

double binomial_upper(uint64_t count, uint64_t n, double alpha)
{
    double low = (double)count / (double)n;
    double high = 1;

    for (unsigned i = 0; i < 60 && count < n; i++) {
        double middle = (low + high) / 2;
        if (binomial_at_most(count, n, middle) > alpha)
            low = middle;
        else
            high = middle;
    }
    return high;
}
