#include "tests/unit/device_proto/laws.h"

#include <math.h>

double law_laplace(double t, int64_t x)
{
    return tanh(0.5 / t) * exp(-fabs((double)x) / t);
}

double law_gauss(double variance, int64_t x)
{
    static double known, sum; /* the normaliser of the last variance asked for */

    if (known != variance) {
        int64_t far = (int64_t)(40 * sqrt(variance)) + 40;
        sum = 1;
        for (int64_t k = far; k >= 1; k--)
            sum += 2 * exp(-(double)k * (double)k / (2 * variance));
        known = variance;
    }
    return exp(-(double)x * (double)x / (2 * variance)) / sum;
}

double chi_square(const double *expected, const uint64_t *observed, size_t cells)
{
    double sum = 0;

    for (size_t i = 0; i < cells; i++) {
        double off = (double)observed[i] - expected[i];
        if (expected[i] <= 0 && observed[i] > 0)
            return INFINITY;
        if (expected[i] > 0)
            sum += off * off / expected[i];
    }
    return sum;
}

double chi_square_critical(size_t degrees)
{
    double k = (double)degrees, z = 5.9978; /* of the normal distribution: P(Z > z) = 1e-9 */
    double root = 1 - 2 / (9 * k) + z * sqrt(2 / (9 * k));

    return k * root * root * root;
}
